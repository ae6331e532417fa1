"""Pages come through the guarded client, politely, and stay while their server is away."""

from collections.abc import Callable

from tests.bot.rag.conftest import silent
from tests.bot.rag.sources.conftest import SITE, FakeWeb

from quarterdeck.core.errors import Denied, Unavailable
from quarterdeck.core.sourcing import SourceOrder
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.store.knowledge.library import KnowledgeLibrary

PAGE = (
    b"<html><head><title>Rooms</title></head><body><nav><a href='/'>Home</a></nav><article><h1>Rooms</h1>"
    b"<p>The large room holds twelve people, and it is booked in the calendar that everybody has.</p>"
    b"<h2>Keys</h2><p>Keys are at the front desk until six; afterwards the guard on duty has them.</p>"
    b"</article></body></html>"
)
SITEMAP = '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><link>https://docs.example.com</link>
<description>d</description>{}</channel></rss>"""


def order(location: str, **more) -> SourceOrder:
    """Order a source."""
    return SourceOrder(location=location, **more)


async def test_a_page_is_read_once_and_asked_about_afterwards(
    desk: Callable[..., SourceDesk], web: FakeWeb, library: KnowledgeLibrary
) -> None:
    """An unchanged page costs its server one small answer."""
    web.pages[f"{SITE}/rooms"] = PAGE
    first = await desk().add(order(f"{SITE}/rooms"), owner="p1")
    again = await desk().sync("")
    [document] = await library.documents()

    assert (1, 1) == (first["added"], again["unchanged"])
    assert (f"{SITE}/rooms", "docs.example.com/rooms", "public") == (
        document.path,
        document.name,
        document.audience,
    )
    assert [f"{SITE}/robots.txt", f"{SITE}/rooms"] == web.asked[:2]


async def test_robots_are_respected(desk: Callable[..., SourceDesk], web: FakeWeb) -> None:
    """What a site asks not to read is named, not read."""
    web.pages[f"{SITE}/rooms"] = PAGE
    web.pages[f"{SITE}/robots.txt"] = b"User-agent: *\nDisallow: /rooms"
    report = await desk().add(order(f"{SITE}/rooms"), owner="p1")

    assert [{"document": "docs.example.com/rooms", "reason": "its robots.txt asks not to read it"}] == report[
        "failed"
    ]
    assert f"{SITE}/rooms" not in web.asked


async def test_an_address_that_must_not_be_reached_is_refused(
    desk: Callable[..., SourceDesk], web: FakeWeb
) -> None:
    """The guarded client says no, and the source says why."""
    web.pages[f"{SITE}/robots.txt"] = Denied("it is not on the public internet")
    report = await desk().add(order(f"{SITE}/rooms"), owner="p1")

    assert "it is not on the public internet" == report["failed"][0]["reason"]


async def test_a_sitemap_is_followed_on_its_own_host_and_deletions_too(
    desk: Callable[..., SourceDesk], web: FakeWeb, library: KnowledgeLibrary
) -> None:
    """A page that is not listed any more is not quoted any more; one whose date is as it was is not fetched."""
    places = [f"{SITE}/a", f"{SITE}/b", "https://evil.example.org/c"]
    date = "<lastmod>2026-01-02</lastmod>"
    web.pages |= {f"{SITE}/a": PAGE, f"{SITE}/b": PAGE.replace(b"twelve", b"twenty")}
    web.pages[f"{SITE}/sitemap.xml"] = SITEMAP.format(
        "".join(f"<url><loc>{url}</loc>{date}</url>" for url in places)
    ).encode()
    first = await desk().add(order(f"{SITE}/sitemap.xml"), owner="p1")
    asked = len(web.asked)
    web.pages[f"{SITE}/sitemap.xml"] = SITEMAP.format(f"<url><loc>{SITE}/a</loc>{date}</url>").encode()
    second = await desk().sync("")

    assert (2, 1, 1) == (first["added"], second["unchanged"], second["removed"])
    assert [f"{SITE}/robots.txt", f"{SITE}/sitemap.xml"] == web.asked[asked:]
    assert [f"{SITE}/a"] == [one.path for one in await library.documents()]
    assert "https://evil.example.org/c" not in web.asked


async def test_what_was_read_stays_while_a_server_is_away_and_goes_when_it_says_gone(
    desk: Callable[..., SourceDesk], web: FakeWeb, library: KnowledgeLibrary
) -> None:
    """An outage is no deletion."""
    web.pages[f"{SITE}/rooms"] = PAGE
    await desk().add(order(f"{SITE}/rooms"), owner="p1")
    web.pages[f"{SITE}/rooms"] = Unavailable("the server is away", service="web")
    away = await desk().sync("")
    [kept] = await library.documents()
    del web.pages[f"{SITE}/rooms"]
    await desk().sync("")
    [gone] = await library.documents()

    assert ("indexed", "failed") == (kept.state, gone.state)
    assert "the server is away" == away["failed"][0]["reason"]


async def test_a_feed_keeps_what_falls_off_it(
    desk: Callable[..., SourceDesk], web: FakeWeb, library: KnowledgeLibrary
) -> None:
    """A feed shows its last entries only."""
    item = (
        "<item><title>{0}</title><link>https://docs.example.com/{0}</link>"
        "<description>{0} was released with many words.</description></item>"
    )
    web.pages[f"{SITE}/feed.xml"] = FEED.format(item.format("one")).encode()
    await desk().add(order(f"{SITE}/feed.xml"), owner="p1")
    web.pages[f"{SITE}/feed.xml"] = FEED.format(item.format("two")).encode()
    await desk().sync("")

    assert {"one", "two"} == {one.title for one in await library.documents()}
    await silent("")
