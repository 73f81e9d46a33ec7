# class: language
# tier: restricted
# attack: reach what lies behind net.fetch: its connection, its module, other hosts, and values that are not what they seem
# success: anything but an answer or a refusal comes of it
import net

held = []


def attempt(name, act):
    try:
        print("escaped:", name, act())
    except (TypeError, ValueError, AttributeError, OSError) as error:
        held.append(type(error).__name__)


class Text(str):
    def partition(self, mark):
        return ("http", mark, "127.0.0.1:1/")

    def encode(self, *rest):
        return b"x"


class Data(bytes):
    def __len__(self):
        return 0


attempt("globals", lambda: getattr(net.fetch, "__globals__"))
attempt("module", lambda: getattr(net.fetch, "__module__"))
attempt("broker", lambda: net.BROKER)
attempt("write", lambda: setattr(net, "fetch", None))
attempt("class", lambda: setattr(net.Response, "text", None))
attempt("slots", lambda: getattr(net.Response(200, (), b""), "__slots__"))
attempt("text", lambda: net.fetch(Text("http://example.org/")))
attempt("data", lambda: net.fetch("http://127.0.0.1:1/", body=Data(b"abc")))
attempt("headers", lambda: net.fetch("http://127.0.0.1:1/", headers={Text("a"): "b"}))
attempt("method", lambda: net.fetch("http://127.0.0.1:1/", method="GET / HTTP/1.1\r\n\r\nPOST"))
attempt("target", lambda: net.fetch("http://127.0.0.1:1/ HTTP/1.1\r\nHost: x"))
attempt("header", lambda: net.fetch("http://127.0.0.1:1/", headers={"X": "a\r\nHost: b"}))
attempt("file", lambda: net.fetch("file:///etc/passwd"))
attempt("host", lambda: net.fetch("http://169.254.169.254/"))
attempt("user", lambda: net.fetch("http://a:b@127.0.0.1/"))
attempt("encoding", lambda: net.Response(200, (), b"x").text(Text("utf-8")))


print("held:", ", ".join(sorted(set(held))))
