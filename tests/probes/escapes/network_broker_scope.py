# class: network
# attack: have the broker ask for what the grant does not cover: other ports, methods, schemes, spellings of the host, redirects
# success: the listener outside is reached, or any answer comes from elsewhere than the granted server
# layers: network-namespace, seccomp
import http.client
import sys
import urllib.request

stage = dict(word.split("=", 1) for word in sys.argv[1:])
tcp, granted = stage["tcp"], stage["granted"]
why = set()
urls = [
    f"http://{host}:{tcp}/"
    for host in (
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.0.0.1.",
        "127.0.0.1%00.example.org",
        f"127.0.0.1:{granted}@127.0.0.1",
        "169.254.169.254",
    )
]
urls += [
    f"http://localhost:{granted}/",
    f"http://[::ffff:127.0.0.1]:{granted}/",
    f"https://127.0.0.1:{granted}/",
    f"http://127.0.0.1:{granted}/redirect",
    f"ftp://127.0.0.1:{granted}/",
]
for url in urls:
    try:
        print("escaped:", url, urllib.request.urlopen(url, timeout=1).read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        why.add(type(getattr(error, "reason", error)).__name__)
for method in ("POST", "PUT", "DELETE", "CONNECT", "TRACE", "OPTIONS", "get", "GET /x"):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(granted), timeout=1)
        connection.request(method, "/")
        print("escaped:", method, connection.getresponse().read())
    except (OSError, ValueError) as error:
        why.add(type(error).__name__)
try:
    connection = http.client.HTTPConnection("127.0.0.1", int(granted), timeout=1)
    connection.set_tunnel("127.0.0.1", int(tcp))
    connection.request("GET", "/")
    print("escaped: tunnel", connection.getresponse().read())
except OSError as error:
    why.add(type(error).__name__)
print("held:", ", ".join(sorted(why)))
