"""What a location looks like decides how it is read."""

import pytest

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.sources.naming import check_collection, kind_of, new_source, overlapping


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("/srv/docs", "path"),
        ("https://example.com/a.git", "git"),
        ("https://github.com/owner/name", "git"),
        ("https://github.com/owner/name/wiki", "web"),
        ("https://example.com/sitemap.xml", "sitemap"),
        ("https://example.com/sitemap_index.xml.gz", "sitemap"),
        ("https://example.com/blog/feed/", "feed"),
        ("https://example.com/news.atom", "feed"),
        ("https://example.com/a/page", "web"),
    ],
)
def test_kinds(location: str, kind: str) -> None:
    """Most people never say the kind."""
    assert kind == kind_of(location)


@pytest.mark.parametrize("location", ["git@github.com:a/b.git", "ssh://host/a.git"])
def test_ssh_is_refused_with_the_way_that_works(location: str) -> None:
    """There is no key here, and no agent."""
    with pytest.raises(UsageError) as refusal:
        kind_of(location)

    assert "https://" in refusal.value.hint


def test_a_folder_inside_of_another_is_a_part_of_it() -> None:
    """For one audience only: a folder of the leads inside of a public one stays apart."""
    outer = new_source("path", "/a", "c", now_ms=0)
    inner = new_source("path", "/a/b", "c", now_ms=0)
    secret = new_source("path", "/a/b", "c", audience="group:leads", now_ms=0)

    assert (outer, []) == overlapping(inner, [outer])
    assert (None, [inner]) == overlapping(outer, [inner])
    assert (None, []) == overlapping(secret, [outer])


@pytest.mark.parametrize("name", ["", " x", "x" * 101, "a\nb"])
def test_collections_have_short_plain_names(name: str) -> None:
    """They stand in answers."""
    with pytest.raises(UsageError):
        check_collection(name)
