# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Is a page whole? Prints what is wrong: tags that do not match, anything to be fetched, pictures
that are no XML or draw outside of themselves.

usage: page.py FILE PICTURES (how many there are to be)
"""
import html.parser
import re
import sys
import xml.etree.ElementTree as tree

VOID = {"meta", "br", "img", "link"}
FETCH = {"src", "href", "srcset", "data", "action", "xlink:href"}


class Page(html.parser.HTMLParser):
    open = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in FETCH:
                print("fetches %s" % value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            print("</%s> at %s closes something else" % (tag, self.getpos()))


def check_picture(text):
    picture = tree.fromstring(text)
    width, height = float(picture.get("width")), float(picture.get("height"))
    for element in picture.iter():
        points = [(element.get("x", "0"), element.get("y", "0")), (element.get("x2", "0"), element.get("y2", "0"))]
        points += [p.split(",") for p in element.get("points", "").split()]
        for x, y in points:
            if not (0 <= float(x) <= width and 0 <= float(y) <= height):
                print("draws at %s,%s" % (x, y))


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
if page.open:
    print("left open: %s" % page.open)
if "url(" in text or "@import" in text or "<script" in text:
    print("fetches something")
if re.search(r"\b(nan|inf)\b", re.sub(r"<[a-z0-9]+[^>]*>", lambda m: m.group(0).lower(), text)):
    print("has a value that is no number")
pictures = re.findall(r"<svg.*?</svg>", text, re.S)
if len(pictures) != int(sys.argv[2]):
    print("%d pictures" % len(pictures))
for picture in pictures:
    check_picture(picture)
