/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "svg.h"

#include <math.h>

/* The picture, and the frame in it. */
#define WIDTH  640
#define HEIGHT 320
#define LEFT   84
#define RIGHT  20
#define TOP    28
#define BOTTOM 44

/* Lines of the grid, about. */
#define STEPS 6

void html_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
	      out);
	html_text(out, title);
	fputs("</title>\n<style>\n"
	      "body { font: 14px/1.4 sans-serif; margin: 2em; color: #222; background: #fff; }\n"
	      "table { border-collapse: collapse; margin: 1em 0; }\n"
	      "th, td { padding: 0.15em 0.7em; text-align: right; border-bottom: 1px solid #ddd; }\n"
	      "th:first-child, td:first-child { text-align: left; }\n"
	      "svg { margin: 0.5em 1em 0.5em 0; } svg text { font: 11px sans-serif; fill: #222; }\n"
	      ".grid { stroke: #ddd; } .frame { stroke: #888; fill: none; }\n"
	      ".legend span { display: inline-block; margin-right: 1.2em; }\n"
	      ".legend i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; }\n"
	      ".good { color: #070; } .bad { color: #b00; }\n"
	      "</style>\n</head>\n<body>\n<h1>",
	      out);
	html_text(out, title);
	fputs("</h1>\n", out);
}

void html_end(FILE *out)
{
	fputs("</body>\n</html>", out);
}

void html_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<' || c == '>' || c == '&' || c == '"')
			fprintf(out, "&#%u;", c);
		else
			fputc(c < ' ' || c == '\177' ? '?' : c, out);
	}
}

const char *svg_colour(unsigned int index)
{
	static const char *const colours[] = {
		"#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf", "#8c564b",
		"#e377c2", "#bcbd22", "#7f7f7f", "#003f5c", "#ffa600", "#665191", "#000000",
	};

	return colours[index % (sizeof(colours) / sizeof(colours[0]))];
}

void svg_legend(FILE *out, const char *const *names, unsigned int count)
{
	fputs("<p class=\"legend\">", out);
	for (unsigned int i = 0; i < count; i++) {
		fprintf(out, "<span><i style=\"background:%s\"></i>", svg_colour(i));
		html_text(out, names[i]);
		fputs("</span>", out);
	}
	fputs("</p>\n", out);
}

static double clamp(double share)
{
	return share < 0 ? 0 : share > 1 ? 1 : share;
}

double svg_x(const struct svg_plot *plot, double x)
{
	double share = (x - plot->x_min) / (plot->x_max - plot->x_min);

	return LEFT + clamp(share) * (WIDTH - LEFT - RIGHT);
}

double svg_y(const struct svg_plot *plot, double y)
{
	double share;

	if (plot->y_log)
		share = log(y / plot->y_min) / log(plot->y_max / plot->y_min);
	else
		share = (y - plot->y_min) / (plot->y_max - plot->y_min);
	return HEIGHT - BOTTOM - clamp(share) * (HEIGHT - TOP - BOTTOM);
}

/* A round step: 1, 2 or 5 times a power of ten. */
static double round_step(double range)
{
	double step = pow(10, floor(log10(range / STEPS)));

	while (range / step > STEPS)
		step *= range / step > 5 * STEPS ? 10 : range / step > 2 * STEPS ? 5 : 2;
	return step;
}

static void number(FILE *out, double value)
{
	double size = fabs(value);

	if (size >= 1e6)
		fprintf(out, "%gM", value / 1e6);
	else if (size >= 1e4)
		fprintf(out, "%gk", value / 1e3);
	else
		fprintf(out, "%g", size < 1e-9 ? 0 : value);
}

void svg_y_mark(const struct svg_plot *plot, double y, const char *text)
{
	fprintf(plot->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 6,
		svg_y(plot, y) + 4);
	html_text(plot->out, text);
	fputs("</text>\n", plot->out);
}

static void y_mark(const struct svg_plot *plot, double y)
{
	double at = svg_y(plot, y);

	fprintf(plot->out,
		"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
		"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
		LEFT, WIDTH - RIGHT, at, at, LEFT - 6, at + 4);
	number(plot->out, y);
	fputs("</text>\n", plot->out);
}

static void y_axis(const struct svg_plot *plot)
{
	static const double within[] = {1, 2, 5};
	double step;

	if (!plot->y_log) {
		step = round_step(plot->y_max - plot->y_min);
		for (double y = ceil(plot->y_min / step) * step; y <= plot->y_max + step / 1e6;
		     y += step)
			y_mark(plot, y);
		return;
	}
	for (double ten = pow(10, floor(log10(plot->y_min))); ten <= plot->y_max; ten *= 10)
		for (int i = 0; i < 3; i++)
			if (ten * within[i] >= plot->y_min && ten * within[i] <= plot->y_max)
				y_mark(plot, ten * within[i]);
}

void svg_x_mark(const struct svg_plot *plot, double x, const char *text)
{
	fprintf(plot->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", svg_x(plot, x),
		HEIGHT - BOTTOM + 15);
	html_text(plot->out, text);
	fputs("</text>\n", plot->out);
}

static void x_axis(const struct svg_plot *plot)
{
	double step = round_step(plot->x_max - plot->x_min);
	char text[32];

	for (double x = ceil(plot->x_min / step) * step; x <= plot->x_max + step / 1e6; x += step) {
		snprintf(text, sizeof(text), "%g", fabs(x) < step / 1e6 ? 0 : x);
		svg_x_mark(plot, x, text);
	}
}

static void label(const struct svg_plot *plot, const char *place, const char *text)
{
	fprintf(plot->out, "<text %s>", place);
	html_text(plot->out, text);
	fputs("</text>\n", plot->out);
}

void svg_begin(struct svg_plot *plot)
{
	char place[96];

	/* An axis without length would divide by zero. */
	if (plot->x_max <= plot->x_min)
		plot->x_max = plot->x_min + 1;
	if (plot->y_max <= plot->y_min)
		plot->y_max = plot->y_log ? plot->y_min * 10 : plot->y_min + 1;
	fprintf(plot->out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	snprintf(place, sizeof(place), "x=\"%d\" y=\"16\" font-weight=\"bold\"", LEFT);
	label(plot, place, plot->title);
	snprintf(place, sizeof(place), "x=\"%d\" y=\"%d\" text-anchor=\"middle\"",
		 (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8);
	label(plot, place, plot->x_label);
	snprintf(place, sizeof(place),
		 "transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\"",
		 (TOP + HEIGHT - BOTTOM) / 2);
	label(plot, place, plot->y_label);
	if (!plot->y_bare)
		y_axis(plot);
	if (!plot->x_bare)
		x_axis(plot);
}

void svg_end(const struct svg_plot *plot)
{
	/* Last, over what reaches the edge. */
	fprintf(plot->out,
		"<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n</svg>\n",
		LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
}

void svg_line_begin(const struct svg_plot *plot, const char *colour)
{
	fprintf(plot->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"",
		colour);
}

void svg_line_point(const struct svg_plot *plot, double x, double y)
{
	fprintf(plot->out, "%.1f,%.1f ", svg_x(plot, x), svg_y(plot, y));
}

void svg_line_end(const struct svg_plot *plot, const char *tip)
{
	fputs("\"><title>", plot->out);
	html_text(plot->out, tip);
	fputs("</title></polyline>\n", plot->out);
}

void svg_box(const struct svg_plot *plot, double x0, double y0, double x1, double y1,
	     const char *colour, const char *tip)
{
	double left = svg_x(plot, x0 < x1 ? x0 : x1);
	double right = svg_x(plot, x0 < x1 ? x1 : x0);
	double top = svg_y(plot, y0 < y1 ? y1 : y0);
	double bottom = svg_y(plot, y0 < y1 ? y0 : y1);

	fprintf(plot->out,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\">", left,
		top, right - left, bottom - top, colour);
	if (tip) {
		fputs("<title>", plot->out);
		html_text(plot->out, tip);
		fputs("</title>", plot->out);
	}
	fputs("</rect>\n", plot->out);
}
