/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One picture that stands alone: where memory was in use, above how much of it. */
#include "report.h"

void report_svg(FILE *out, const struct guest *guest)
{
	if (!guest->history.columns)
		return;
	fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"835\" "
	      "viewBox=\"0 0 640 668\">\n"
	      /* Two strings: tools that collect licences would take the rest of the line for this file's. */
	      "<!-- SPDX-" "License-Identifier: GPL-2.0-only OR MIT -->\n"
	      "<style>text{font:11px sans-serif;fill:#222}.grid{stroke:#ddd}"
	      ".frame{stroke:#888;fill:none}</style>\n"
	      "<rect width=\"640\" height=\"668\" fill=\"#fff\"/>\n",
	      out);
	fprintf(out,
		"<text x=\"320\" y=\"19\" text-anchor=\"middle\" style=\"font-size:13px;"
		"font-weight:bold\">Pages that a guest uses (%s), by accessed bits of an %s "
		"table</text>\n",
		guest->target, guest->machine.format);
	fputs("<g transform=\"translate(0 28)\">\n", out);
	report_heat(out, guest);
	fputs("</g>\n<g transform=\"translate(0 348)\">\n", out);
	report_curves(out, guest);
	fputs("</g>\n</svg>\n", out);
}
