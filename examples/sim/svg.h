/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages and pictures in them, with nothing that would have to be fetched: HTML with inline SVG. */
#ifndef PTW_SIM_SVG_H
#define PTW_SIM_SVG_H

#include <stdbool.h>
#include <stdio.h>

void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

/* With what HTML and SVG would take for markup written differently. */
void html_text(FILE *out, const char *text);

/* A colour for the index-th of several things, as #rrggbb. */
const char *svg_colour(unsigned int index);

/* One after the other of several things, with its colour. */
void svg_legend(FILE *out, const char *const *names, unsigned int count);

/* A frame with axes. Values on a logarithmic axis are above zero. */
struct svg_plot {
	FILE *out;
	const char *title;
	const char *x_label;
	const char *y_label;
	double x_min;
	double x_max;
	double y_min;
	double y_max;
	bool y_log;
	bool x_bare; /* the caller labels this axis: svg_x_mark() */
	bool y_bare; /* svg_y_mark() */
};

void svg_begin(struct svg_plot *plot);
void svg_end(const struct svg_plot *plot);

/* Where a value is in the picture; values outside are moved to the edge. */
double svg_x(const struct svg_plot *plot, double x);
double svg_y(const struct svg_plot *plot, double y);

void svg_x_mark(const struct svg_plot *plot, double x, const char *text);
void svg_y_mark(const struct svg_plot *plot, double y, const char *text);

/* A line through points that are given one by one; `tip` is shown under the pointer. */
void svg_line_begin(const struct svg_plot *plot, const char *colour);
void svg_line_point(const struct svg_plot *plot, double x, double y);
void svg_line_end(const struct svg_plot *plot, const char *tip);

/* From (x0, y0) to (x1, y1), in the units of the axes. */
void svg_box(const struct svg_plot *plot, double x0, double y0, double x1, double y1,
	     const char *colour, const char *tip);

#endif /* PTW_SIM_SVG_H */
