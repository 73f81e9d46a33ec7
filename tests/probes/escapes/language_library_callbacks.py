# class: language
# tier: restricted
# attack: objects of ours where the library calls methods by name: templates, escapes, decoders, time zones, sorters
# success: what they are handed opens a module, a function's globals or a class's own dictionary
import datetime
import heapq
import json
import random
import re
import string
import uuid

last = None


def look(value):
    """Try every closed name on ``value``."""
    global last
    for name in ("__globals__", "__self__", "__dict__", "__class__", "__reduce__", "__closure__"):
        try:
            print("escaped:", getattr(value, name))
        except AttributeError as refused:
            last = refused
    return value


class Pattern:
    def sub(self, convert, text):
        look(convert)
        return ""


class Template(string.Template):
    pass


Template.pattern = Pattern()
Template("$x").substitute({})


class Text(str):
    def translate(self, table):
        look(table)
        return ""

    def encode(self, *words):
        return look(b"")

    def replace(self, *words):
        look(words)
        return "0" * 32


class Zone(datetime.tzinfo):
    def utcoffset(self, moment):
        look(moment)

    def dst(self, moment):
        look(moment)


class Decoder(json.JSONDecoder):
    def decode(self, text):
        look(self.scan_once)
        look(self.parse_object)


re.escape(Text("a"))
random.Random().seed(Text("a"))
uuid.UUID(Text("a"))
datetime.datetime(2020, 1, 1, tzinfo=Zone()).utcoffset()
json.loads("{}", cls=Decoder)
json.dumps({1: Zone()}, default=lambda value: look(1))
json.loads('{"a": 1}', object_pairs_hook=look)
list(heapq.merge([1], [2], key=look))
re.sub("a", lambda found: str(look(found.re)), "a")
print("held:", last)
