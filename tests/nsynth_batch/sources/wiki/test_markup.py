"""What wikis put into the fields of a file, as text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.sources.wiki.markup import name_of, text_of

CREATOR = """
<table class="vcard" style="border:1px"><tbody>
<tr><th colspan="2"><span class="fn" id="creator"><bdi><a href="//x">Ludwig van Beethoven</a></bdi>
 </span>&nbsp;<span style="font-size:small">(1770-1827)</span></th></tr>
<tr><td>Description</td><td>composer
 <table><tr><td class="fn">someone else</td></tr></table></td></tr></tbody></table>"""


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("Ann", "Ann"),
        ("Tom &amp; Jerry &lt;3&nbsp;x", "Tom & Jerry <3 x"),
        ('<a href="//c.example/User:Ann" title="User:Ann">Ann</a>', "Ann"),
        ('Unknown author<span style="display: none;">Unknown author</span>', "Unknown author"),
        ('a<span style="VISIBILITY:hidden">b</span><b hidden>c</b><script>d</script>', "a"),
        ('See <a class="external autonumber" href="//x">[1]</a>', "See"),
        ("by Ann<br>via Flickr,<br/>2010", "by Ann; via Flickr, 2010"),
        ("<ul><li>Ann</li><li>Ben</li></ul>", "Ann; Ben"),
        ("<ul><li>Ann<li>Ben</ul>", "Ann; Ben"),
        ("<p>Ann</p>\n<p>Ben</p>", "Ann; Ben"),
        ("Ann\n  of   Green<b>wich</b>", "Ann of Greenwich"),
        ("<table><tr><th>By</th><td>Ann</td></tr><tr><td>In</td><td>Rome</td></tr></table>",
         "By Ann; In Rome"),
        ("<bdi>Модест <i>Мусоргский</i></bdi>", "Модест Мусоргский"),
        ("a<!-- not this -->b", "ab"),
        ("a<![if x]>b<![endif]><![0", "ab"),
        ("a<!<![x>[0>b", "a[0>b"),
        ("a<![CDATA[not this]]>b", "ab"),
        ("soft\u00adhyphen\u200b\x00\x1e!", "softhyphen!"),
        ("\ud800x", "?x"),
    ],
)  # fmt: skip
def test_text(markup: str, text: str) -> None:
    assert text_of(markup) == text
    assert name_of(markup) == text


def test_the_name_of_a_creators_table() -> None:
    assert name_of(CREATOR) == "Ludwig van Beethoven"
    assert name_of(f"{CREATOR}{CREATOR.replace('Ludwig van Beethoven', 'Ann')}") == (
        "Ludwig van Beethoven; Ann"
    )
    headed = '<table class="toccolours vcard"><tr><th>Ann (1853-90)</th></tr><tr><td>x</td></tr>'
    assert name_of(f"{headed}</table>") == "Ann (1853-90)"
    assert name_of("<table><tr><td>Ann</td></tr></table>") == "Ann"


@given(
    st.one_of(
        st.text(st.characters()),
        st.lists(
            st.sampled_from(["<", ">", "</", "<table>", "<br", "&", "&#x", "<!", "[", "<td>", "x",
                             "<a href='", "<div style='display:none'>", "</div>", "]]>", "<?",
                             "\x1e", "<span class=fn>", "<![CDATA["])
        ).map("".join),
    )
)  # fmt: skip
def test_anything_becomes_one_printable_line(markup: str) -> None:
    for text in (text_of(markup), name_of(markup)):
        assert text == " ".join(text.split())
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)
