"""Names that attack a terminal, a page or a figure."""

from __future__ import annotations

import pytest

MARKUP = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "</td></tr></table><iframe src=//evil.example>",
    "</title><base href=//evil.example>",
    "</style><link rel=stylesheet href=//evil.example/a.css>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "`><b onclick=alert(1)>",
    "<!-- <script>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&amp;&quot;&apos;",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "<form action=//evil.example><input name=a>",
    "<math><mtext><style><img src=x onerror=alert(1)></style>",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "{# comment #}",
    "${7*7}",
    "%s%n%x",
    "{0.__class__}",
)
MATHEMATICS = (
    "$",
    "$$",
    "$x^{$",
    r"$\frac{$",
    r"$\undefined$",
    r"\$x$",
    "cost in $ and in $",
    r"\input{/etc/passwd}",
    "_under^{super",
    "_legend_would_skip_this",
)
TERMINAL = (
    "\x1b[2J\x1b[H",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31mred",
    "\x1bPq#0;2;0;0;0\x1b\\",
    "bell\x07 back\x08\x08\x08 delete\x7f",
    "line one\r\nline two\rover",
    "form\x0cfeed\x0bvertical",
    "tab\tbed",
    "nul\x00nul",
    "next\x85line\u2028line\u2029paragraph",
)
RICH = (
    "[/x]",
    "[/]",
    "[",
    "[red",
    "]",
    "[link=http://evil.example]x[/link]",
    "[bold red on white]x",
    "[@click=app.quit()]x[/]",
    "\\",
    "\\\\\\",
    "\\[red]",
    ":smile: :warning:",
)
INVISIBLE = (
    "\u202egnp.exe\u202c",
    "\u2066\u2067\u2068\u2069isolates",
    "\u200e\u200fmarks",
    "zero\u200bwidth",
    "\ufefforder",
    "soft\u00adhyphen",
    "tag\U000e0041\U000e0042",
    "\ud800 alone",
    "\udfff\ud800 turned round",
    "\ue000 private",
    "\uffff\U0010ffff none",
    "Z" + "\u0351\u0363\u036e\u0489" * 30 + "algo",
    "\u0301\u0301\u0301 first",
)
PLAIN = (
    "",
    " ",
    "größe",
    "身長",
    "قد",
    "पुरुष",
    "👩\u200d🔬",
    "a" * 10_000,
    "<script>" * 2_000,
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
)
NAMES = (*MARKUP, *MATHEMATICS, *TERMINAL, *RICH, *INVISIBLE, *PLAIN)

# One picture a name takes its time: two of three names take their turn among the long tests.
THINNED = [pytest.param(name, id=str(at), marks=pytest.mark.long if at % 3 else ()) for at, name in enumerate(NAMES)]
