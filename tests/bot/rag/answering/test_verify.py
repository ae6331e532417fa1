"""No answer cites a passage that does not contain the claim: a hundred claims that can be checked by hand."""

import pytest

from quarterdeck.rag.answering.verify import Source, disagree, occurs, verify

CERTIFICATES = Source(
    n=1,
    text="""The staging certificate is rotated by hand, two weeks before it ends.

1. Log in to the bastion host.
2. Run `certctl rotate --env staging`.
3. Restart the ingress pods and watch the dashboard for five minutes.

Production is rotated by the pipeline every sixty days. Nobody does it by hand.""",
    above="certificates.md › Certificates",
)
BACKUPS = Source(
    n=2,
    text="""Restores take about forty minutes. Ask in #data before you begin. Full backups run every night at 02:30,
incremental ones every hour. Ada reports to Bob. Do not restart the pods if the disk is full. You may skip the review.
Only admins can approve deployments. The upload limit is 1,500 MB. Version 3.11 is supported, version 3.8 is not.
Set `retries` to 5 in config.yaml. Payments depends on ledger. Logs are kept for at least 30 days.
Tokens expire after 15 minutes unless they are renewed. Every change must be reviewed by two engineers.""",
    above="backup.md › Operations",
)
HOLIDAYS = Source(
    n=3,
    text="""Alle haben dreißig Tage Urlaub im Jahr. Der Urlaub wird nicht ausgezahlt. Everybody has thirty days of
holidays a year. Tell your team lead four weeks ahead. Contractors have no paid holidays.

| plan | price | seats |
| --- | --- | --- |
| Basic | 10 euros | 5 |
| Team | 40 euros | 25 |""",
    above="vacation.md › Holidays",
)
TRUE = [
    (CERTIFICATES, "The staging certificate is rotated by hand two weeks before it ends."),
    (CERTIFICATES, "The staging certificate is rotated manually."),
    (CERTIFICATES, "Log in to the bastion host."),
    (CERTIFICATES, "Run `certctl rotate --env staging`."),
    (CERTIFICATES, "Restart the ingress pods and watch the dashboard for 5 minutes."),
    (CERTIFICATES, "Log in to the bastion host and run `certctl rotate --env staging`."),
    (CERTIFICATES, "Production is rotated every 60 days by the pipeline."),
    (CERTIFICATES, "The pipeline rotates production every sixty days."),
    (BACKUPS, "A restore takes about 40 minutes."),
    (BACKUPS, "Before you begin, ask in #data."),
    (BACKUPS, "Full backups run every night at 02:30."),
    (BACKUPS, "Every hour, incremental ones."),
    (BACKUPS, "Ada reports to Bob."),
    (BACKUPS, "Do not restart the pods if the disk is full."),
    (BACKUPS, "If the disk is full, do not restart the pods."),
    (BACKUPS, "You may skip the review."),
    (BACKUPS, "Only admins can approve deployments."),
    (BACKUPS, "The upload limit is 1500 MB."),
    (BACKUPS, "Version 3.11 is supported."),
    (BACKUPS, "Set `retries` to 5 in config.yaml."),
    (BACKUPS, "Payments depends on ledger."),
    (BACKUPS, "Logs are kept for at least 30 days."),
    (BACKUPS, "Every change must be reviewed by two engineers."),
    (HOLIDAYS, "Everybody has 30 days of holidays a year."),
    (HOLIDAYS, "Tell your team lead four weeks ahead."),
    (HOLIDAYS, "Contractors have no paid holidays."),
    (HOLIDAYS, "Alle haben 30 Tage Urlaub im Jahr."),
]
FALSE = [
    # another thing
    (CERTIFICATES, "The production certificate is rotated by hand two weeks before it ends."),
    (CERTIFICATES, "The billing certificate is rotated by hand."),
    (CERTIFICATES, "The staging database is rotated by hand."),
    (CERTIFICATES, "The staging certificate is rotated by Bob."),
    (CERTIFICATES, "Log in to the database host."),
    (CERTIFICATES, "Restart the database pods."),
    (CERTIFICATES, "Restart the ingress pods and delete the dashboard."),
    (BACKUPS, "Ask in #payments before you begin."),
    (BACKUPS, "Ask Carol before you begin."),
    (BACKUPS, "Incremental backups run every night at 02:30."),
    (BACKUPS, "Full backups run every hour."),
    (BACKUPS, "Deployments take about forty minutes."),
    (BACKUPS, "Ledger admins can approve payments."),
    (BACKUPS, "Set `timeout` to 5 in config.yaml."),
    (BACKUPS, "Set `retries` to 5 in settings.yaml."),
    (HOLIDAYS, "Contractors have thirty days of holidays a year."),
    (HOLIDAYS, "Tell your manager four weeks ahead."),
    (HOLIDAYS, "The Basic plan has 25 seats."),
    (HOLIDAYS, "The Team plan costs 10 euros."),
    (HOLIDAYS, "Alle haben dreißig Tage Elternzeit im Jahr."),
    # another number or unit
    (CERTIFICATES, "The staging certificate is rotated by hand three weeks before it ends."),
    (CERTIFICATES, "The staging certificate is rotated by hand two days before it ends."),
    (CERTIFICATES, "Restart the ingress pods and watch the dashboard for 15 minutes."),
    (CERTIFICATES, "Watch the dashboard for five hours."),
    (CERTIFICATES, "Production is rotated by the pipeline every 90 days."),
    (CERTIFICATES, "Production is rotated by the pipeline every sixteen days."),
    (BACKUPS, "A restore takes about 40 hours."),
    (BACKUPS, "A restore takes about 14 minutes."),
    (BACKUPS, "Full backups run every night at 03:30."),
    (BACKUPS, "The upload limit is 15,000 MB."),
    (BACKUPS, "The upload limit is 1500 GB."),
    (BACKUPS, "Version 3.12 is supported."),
    (BACKUPS, "Set `retries` to 50 in config.yaml."),
    (BACKUPS, "Logs are kept for at least 90 days."),
    (BACKUPS, "Tokens expire after 50 minutes unless they are renewed."),
    (BACKUPS, "Every change must be reviewed by three engineers."),
    (HOLIDAYS, "Everybody has thirteen days of holidays a year."),
    (HOLIDAYS, "Everybody has thirty weeks of holidays a year."),
    (HOLIDAYS, "Tell your team lead two weeks ahead."),
    (HOLIDAYS, "Alle haben zwanzig Tage Urlaub im Jahr."),
    # yes for no
    (CERTIFICATES, "The staging certificate is not rotated by hand."),
    (CERTIFICATES, "The staging certificate is never rotated by hand."),
    (CERTIFICATES, "Do not log in to the bastion host."),
    (CERTIFICATES, "Production isn't rotated by the pipeline."),
    (BACKUPS, "Restart the pods if the disk is full."),
    (BACKUPS, "Version 3.8 is supported."),
    (BACKUPS, "Version 3.11 is not supported."),
    (BACKUPS, "Admins cannot approve deployments."),
    (BACKUPS, "Nobody reports to Bob."),
    (BACKUPS, "Begin without asking in #data."),
    (HOLIDAYS, "Contractors have paid holidays."),
    (HOLIDAYS, "Nobody has thirty days of holidays a year."),
    (HOLIDAYS, "Der Urlaub wird ausgezahlt."),
    (HOLIDAYS, "Alle haben keine dreißig Tage Urlaub im Jahr."),
    # turned round
    (CERTIFICATES, "The staging certificate is rotated by hand two weeks after it ends."),
    (CERTIFICATES, "The pipeline is rotated by production."),
    (BACKUPS, "Begin before you ask in #data."),
    (BACKUPS, "Bob reports to Ada."),
    (BACKUPS, "Ledger depends on payments."),
    (BACKUPS, "Every engineer must be reviewed by two changes."),
    # wider or narrower
    (BACKUPS, "Do not restart the pods."),
    (BACKUPS, "You must skip the review."),
    (BACKUPS, "All admins can approve deployments."),
    (BACKUPS, "Everybody can approve deployments."),
    (BACKUPS, "Logs are kept for at most 30 days."),
    (BACKUPS, "Logs are always kept for 30 days."),
    (BACKUPS, "Tokens expire after 15 minutes."),
    (BACKUPS, "Every change may be reviewed by two engineers."),
    (BACKUPS, "Only changes are reviewed by two engineers."),
    (BACKUPS, "Ask in #data after you begin."),
    (HOLIDAYS, "Only everybody has thirty days of holidays a year."),
    (HOLIDAYS, "Everybody has more than thirty days of holidays a year."),
    # nothing of it
    (CERTIFICATES, "The moon is made of cheese."),
    (CERTIFICATES, "Certificates cost 300 euros."),
    (BACKUPS, "Restores are encrypted with AES-256."),
    (HOLIDAYS, "Holidays can be carried over to the next year."),
]


def test_there_are_a_hundred_claims() -> None:
    """As many as the issue asks for, most of them lies."""
    assert (True, True) == (len(TRUE) + len(FALSE) >= 100, len(FALSE) >= 72)


@pytest.mark.parametrize(("source", "claim"), FALSE, ids=[claim for _, claim in FALSE])
def test_what_the_passage_does_not_say_does_not_hold(source: Source, claim: str) -> None:
    """Whatever words the model says that it comes from: all of the passage, each of its sentences, or none."""
    quotes = ["", source.text, *source.text.replace("\n", " ").split(". ")]

    assert [] == [quote for quote in quotes if verify(claim, quote, source).holds]


@pytest.mark.parametrize(("source", "claim"), TRUE, ids=[claim for _, claim in TRUE])
def test_what_the_passage_says_holds(source: Source, claim: str) -> None:
    """In other forms of its words, in another order of its parts, numbers in figures."""
    verdict = verify(claim, "", source)

    assert (True, "") == (verdict.holds, verdict.reason)


def test_words_that_stand_nowhere_prove_nothing() -> None:
    """A quotation that was made up is the commonest lie."""
    verdict = verify("Ada reports to Bob.", "Ada Lovelace reports to Bob", BACKUPS)

    assert (False, "the quoted words do not stand in the passage") == (verdict.holds, verdict.reason)


@pytest.mark.parametrize(
    ("quote", "there"),
    [
        ("ask in #DATA  before", True),
        ("Run certctl rotate --env staging", False),
        ("**Ask in #data** before you begin.", True),
        ("sk in #data", False),
        ("", False),
    ],
)
def test_a_quotation_is_compared_without_markup_case_and_blanks(quote: str, there: bool) -> None:
    """Whole words, one after another."""
    assert there == occurs(quote, BACKUPS.text)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Full backups are kept for 30 days.", "Full backups are kept for 60 days.", True),
        ("The review is written within five days.", "The review is written within 5 days.", False),
        ("Deploying payments on Friday is allowed.", "Deploying payments on Friday is not allowed.", True),
        ("Full backups are kept for 30 days.", "The office has 60 chairs.", False),
    ],
)  # fmt: skip
def test_sentences_about_the_same_that_differ_disagree(one: str, other: str, differ: bool) -> None:
    """Two pages of which one is old."""
    assert differ == disagree(one, other)
