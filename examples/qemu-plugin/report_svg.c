/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One picture that stands alone: where memory was in use, above how much of it. */
#include "report.h"

void report_svg(FILE *out, const struct guest *guest)
{
	if (!guest->history.columns)
		return;
	fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"640\" "
	      "viewBox=\"0 0 640 640\">\n"
	      "<style>text{font:11px sans-serif;fill:#222}.grid{stroke:#ddd}"
	      ".frame{stroke:#888;fill:none}</style>\n"
	      "<rect width=\"640\" height=\"640\" fill=\"#fff\"/>\n",
	      out);
	report_heat(out, guest);
	fputs("<g transform=\"translate(0 320)\">\n", out);
	report_curves(out, guest);
	fputs("</g>\n</svg>\n", out);
}
