# class: network
# attack: speak to the broker past its client: requests in targets, headers and bodies, another Host, two framings
# success: the granted server gets a request that was not judged, or the listener outside is reached
# layers: network-namespace, seccomp
import socket
import sys

import http.client  # loads what connections are made of

stage = dict(word.split("=", 1) for word in sys.argv[1:])
tcp, granted = stage["tcp"].encode(), stage["granted"].encode()
host = b"Host: 127.0.0.1:" + granted + b"\r\n"
evil = b"POST /smuggled HTTP/1.1\r\n" + host + b"Content-Length: 0\r\n\r\n"
sent = [
    b"GET / HTTP/1.1\r\n" + host + b"\r\n" + evil,
    b"GET / HTTP/1.1\r\n"
    + host
    + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + evil,
    b"GET / HTTP/1.1\r\n" + host + b"Content-Length: %d\r\n\r\n" % len(evil) + evil,
    b"GET / HTTP/1.1\r\n"
    + host
    + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(evil)
    + evil
    + b"\r\n0\r\n\r\n",
    b"GET http://127.0.0.1:" + tcp + b"/ HTTP/1.1\r\n" + host + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:" + tcp + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + host + b"Host: 127.0.0.1:" + tcp + b"\r\n\r\n",
    b"GET / HTTP/1.1\nX: y\n\n" + evil + b"\r\n\r\n",
    b"GET /\x00x HTTP/1.1\r\n" + host + b"\r\n",
    b"GET /\rX: y HTTP/1.1\r\n" + host + b"\r\n",
    b"GET / HTTP/1.1\r\n" + host + b"X: a\nPOST /smuggled HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + host + b"X: a\rb\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + host + b"X-HTTP-Method-Override: POST\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + host + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + host + b" folded\r\n\r\n",
    b"CONNECT 127.0.0.1:" + tcp + b" HTTP/1.1\r\n" + host + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
why = set()
for data in sent:
    connection = http.client.HTTPConnection("127.0.0.1", int(granted), timeout=1)
    try:
        connection.connect()
        connection.sock.sendall(data)
        answer = connection.sock.makefile("rb").read()
        if b"\r\n\r\nok" not in answer:
            print("escaped:", data[:60], answer[:60])
        why.add("one request")
    except (OSError, ValueError, http.client.HTTPException) as error:
        why.add(type(error).__name__)

from os2guest.broker import BROKER  # what a hostile program would find

asks = [
    b"net.exchange http 127.0.0.1 " + tcp + b" 0\nGET /",
    b"net.exchange http 127.0.0.1 " + granted + b" 0\nPOST /",
    b"net.exchange http 127.0.0.1 " + granted + b" 0\nGET /\nX: y\r\n\r\nPOST /smuggled HTTP/1.1",
    b"net.exchange http 127.0.0.1 " + granted + b" 0\nGET / HTTP/1.1\r\n\r\n",
    b"net.exchange http 127.0.0.1:" + tcp + b"@ " + granted + b" 0\nGET /",
    b"net.exchange http 127.0.0.1\x00 " + tcp + b" 0\nGET /",
    b"net.exchange unix /run/socket 1 0\nGET /",
    b"net.exchange http 127.0.0.1 -1 0\nGET /",
    b"net.exchange " + b"x" * 30000,
]
for ask in asks:
    told = BROKER.channel.ask(ask)
    if b"denied" not in told[:16]:
        print("escaped:", ask[:60], told[:60])
    why.add("denied")
print("held:", ", ".join(sorted(why)))
