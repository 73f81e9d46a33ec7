"""A session recorded by the first version stays readable, verifiable, and, on its image, repeatable."""

from tests.house import ROOT, Os2

GOLDEN = ROOT / "tests" / "golden" / "session-v1.os2z"
SIGNER = "os2shell/vm/"


def test_the_first_versions_evidence_is_still_understood(os2: Os2) -> None:
    report = os2.json("python-verify", "--json", "--bundle", str(GOLDEN), code=None)
    assert report["ledger"]["signer"].startswith(SIGNER)
    assert [row["command"] for row in report["sessions"]] == ["python", "pyvm"]
    # Elsewhere the interpreter's image is another; then nothing is performed, and that is said.
    verdicts = {row["verdict"] for row in report["sessions"]}
    assert verdicts in ({"identical"}, {"engine_mismatch"}), report
    if verdicts == {"engine_mismatch"}:
        told = report["sessions"][0]["divergence"]
        assert told["what"] == "another interpreter image"
        digests = [told[side].rpartition(", image ")[2] for side in ("expected", "got")]
        assert len(digests[0]) == len(digests[1]) == 64
