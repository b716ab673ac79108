"""Names that do harm when they are shown or pasted, and what output may contain of them."""

import unicodedata

RUN = "$(touch pwned)`touch pwned`;touch pwned|touch pwned&touch pwned\ntouch pwned\n>pwned <pwned"
LONGEST = 255 - len("service-account-")
NAMES = (
    "$(touch pwned)",
    "`touch pwned`",
    "a; touch pwned #",
    "a\ntouch pwned\n",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "'\"'\"'; touch pwned; '",
    "$HOME ${HOME} $1 $$ $? $NL",
    "a|touch pwned&touch pwned>pwned",
    "* ? [a-z] {a,b} {1..9} ~ ~root",
    "~root/x",
    "=touch",
    "-x",
    "--server=http://evil.test",
    "@/etc/passwd",
    "a=b,c=d",
    "a!b !! !touch !-1",
    "back\\slash\\n \\$(touch pwned) \\'",
    "percent %s %n %% %41 %2e%2e%2f",
    "../../other/users?x=1#y",
    "tab\there",
    "cr\rtouch pwned\r",
    "esc \x1b[2J\x1b]0;title\x07 c1 \x9b2J \x85",
    "bidi \u202eabc\u202c \u2066x\u2069 \u200f \u061c zero\u200bwidth\ufeff \u2028\u2029",
    "hidden \u034f\u115f\u3164\ufe0f\U000e0041\U000e0101 \xad \xa0",
    "ends in line feeds\n\n",
    "\n",
    '</script><img src=x onerror=alert(1)> &amp; "quoted"',
    "${jndi} %{if true}${1+1}%{endif} $${x} %%{y}",
    "emoji 😀 ümläut 漢字",
    "#not a comment",
    "",
    " ",
    "O'Brien",
    "n" * LONGEST,
    "\x1b" * LONGEST,
)
ALL_AT_ONCE = f"x'\"\\ {RUN}\x1b[2J\x9b\u202e\u200b\u2028\U000e0041\r~*?[a]{{a,b}}!!%s${{x}}%{{y}}</script>@=,#"
"""One name with everything that a shell, a terminal, HCL or a page may stumble over, in a length that a name may have."""
_IGNORABLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x180E), 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}  # fmt: skip


def unseen(text: str) -> list[str]:
    """What no output may hold, as code points: by Unicode's categories, and the ignorable ones that have a visible category."""
    return sorted({f"U+{ord(c):04X}" for c in text if c != " " and (unicodedata.category(c)[0] in "CZ" or ord(c) in _IGNORABLE)})


def unseen_in_output(raw: bytes) -> list[str]:
    """The same of all that a program wrote, whose lines have ends."""
    return unseen(raw.decode("utf-8").replace("\n", ""))
