"""Pieces of requests that are wrong, odd, or of another protocol. Data alone."""

METHODS = (b"GET", b"HEAD", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"OPTIONS", b"PATCH", b"PRI", b"post", b"P\0ST",
           b"", b"A" * 500, b"GE T", b"P\xc3\x96ST", b"BREW", b"*", b"QUERY", b"_")  # fmt: skip
TARGETS = (
    b"*", b"", b"//", b"/../../etc/passwd", b"/webhooks/../healthz", b"/webhooks/%2e%2e/metrics", b"/webhooks/hmac/",
    b"/webhooks/hmac%00", b"/webhooks/hm\0ac", b"//webhooks/hmac", b"http://evil.example/webhooks/hmac",
    b"https://[::1/", b"evil.example:443", b"/webhooks/\xff\xfe", b"/webhooks/hmac;x=1", b"/%", b"/%zz", b"/\\..\\x",
    b"/webhooks/hmac#x", b"/webhooks/hmac?token=a&token=b", b"/" + b"a" * 9000, b"/?" + b"&=" * 3000,
    b"/webhooks/hmac?" + b"token=%ff", b"/unsubscribe/" + b"%41" * 2500, b"/unsubscribe/a.b", b"/unsubscribe/.",
    b"/unsubscribe/../metrics", b"/webhooks/hmac HTTP/1.1\r\nX: y", b"/metrics", b"/openapi.json", b"/console",
    b"/console/api", b"/readyz?verbose", b"javascript:alert(1)", b"/\xe2\x80\xae", b"/webhooks/HMAC", b"?", b"#",
    b"/./",
)  # fmt: skip
VERSIONS = (b"HTTP/0.9", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3", b"HTTP/1.10", b"http/1.1", b"HTTP/1.1 x",
            b"", b"HTTP/1.1\0", b"HTTP/", b"ICY/1.1", b"HTTP/01.1", b"HTTP/9999999999.1")  # fmt: skip
HEADERS = (
    (b"Content-Length", b"0"), (b"Content-Length", b"-1"), (b"Content-Length", b"+5"), (b"Content-Length", b"0x10"),
    (b"Content-Length", b"5, 5"), (b"Content-Length", b"9" * 30), (b"Content-Length", b"1e3"),
    (b"Content-Length", b""), (b"Content-Length ", b"5"), (b"content-length", b"5"), (b"Content-Length", b"1_0"),
    (b"Content-Length", b"\xef\xbc\x95"), (b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"identity"),
    (b"Transfer-Encoding", b"gzip, chunked"), (b"Transfer-Encoding", b"chunked, chunked"),
    (b"Transfer-Encoding", b"xchunked"), (b"Transfer-Encoding", b" chunked"), (b"Transfer-Encoding", b"\x0bchunked"),
    (b"Transfer-Encoding", b"chunked\0"), (b"Transfer-Encoding", b"CHUNKED"), (b"Transfer-Encoding ", b"chunked"),
    (b"Transfer_Encoding", b"chunked"), (b"Transfer-Encoding", b"cow"), (b"TE", b"trailers, deflate"),
    (b"Trailer", b"X-Webhook-Signature"), (b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"br"),
    (b"Expect", b"100-continue"), (b"Expect", b"the unexpected"), (b"Upgrade", b"h2c"), (b"Connection", b"close"),
    (b"Connection", b"keep-alive, Upgrade, HTTP2-Settings"), (b"Upgrade", b"websocket"), (b"Sec-WebSocket-Key", b"x"),
    (b"Host", b"evil.example"), (b"Host", b""), (b"Host", b"a b"), (b"X-Forwarded-For", b"127.0.0.1, " * 300),
    (b"X-Forwarded-For", b"\xff\xfe, ::1, unknown, [::1]:80"), (b"X-Forwarded-For", b"1.2.3.4\0"),
    (b"Forwarded", b"for=_secret"), (b"X-HTTP-Method-Override", b"DELETE"), (b"Cookie", b"a=b; " * 500),
    (b"Authorization", b"Bearer \xff"), (b"Authorization", b"Basic Og=="), (b"", b"x"), (b"X Y", b"x"), (b"X:Y", b"x"),
    (b"X\0", b"x"), (b"X", b"a\0b"), (b"X", b"a\rb"), (b"X", b"a\nb"), (b"X", b"a\r\n b"), (b"X-\xc3\xa4", b"x"),
    (b"X", b"\xf0\x9f\x92\xa3" * 10), (b"X", b"a" * 9000), (b"A" * 9000, b"x"), (b"Range", b"bytes=0-"),
    (b"Accept-Language", b"de;q=nan," * 200), (b"Content-Type", b"application/json; charset=utf-7"),
    (b"Content-Type", b"multipart/form-data; boundary=" + b"-" * 500), (b"Content-Type", b"%s%n"),
    (b"WebHook-Request-Origin", b"evil.example"), (b"webhook-id", b"x" * 300), (b"webhook-challenge", b"<script>"),
    (b"ce-id", b"\xe2\x80\xae"), (b"Date", b"yesterday"), (b"Max-Forwards", b"0"), (b"Content-Length", b"4294967297"),
)  # fmt: skip
CHUNKED = (b"Transfer-Encoding", b"chunked")
SIZES = (b"ffffffffffffffff", b"-1", b"0x5", b"5 ", b" 5", b"g", b"", b"5;x=" + b"y" * 5000, b"5\0", b"5;\r\n",
         b"00000005",
         b"8000000000000000", b"+5", b"5\t", b"1_0")  # fmt: skip
CLEAR = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"SSH-2.0-OpenSSH_9.7\r\n",
    b"EHLO evil.example\r\nMAIL FROM:<a@b>\r\n", b"*1\r\n$4\r\nPING\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\2\3\4\0P\x1f\x90", b"\r\n" * 500, b"\0" * 2000, b"\xff" * 2000,
    b"GET /\r\n", b" ", b"\x80\x2e\x01\0\2\0\x15\0\0\0\x10", b"RTSP/1.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
)  # fmt: skip
