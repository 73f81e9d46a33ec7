"""``create-env``, ``use-env``, ``envs``; and the fold behind them."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Digest, decode, encode
from os2shell.model.capability import LOCAL
from os2shell.model.fold import Fact
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS, Environment, Environments
from tests.house import Os2
from tests.schemas.test_schemas import check

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_environments_are_made_chosen_and_listed(os2: Os2) -> None:
    assert "os2 pip install" in os2.run("envs").text
    assert not (os2.workspace / ".os2").exists()
    os2.run("create-env", "a", "--python", HERE)
    os2.run("create-env", "b", "--from", "a")
    os2.run("use-env", "b")
    assert os2.run("envs").text == "  a  empty\n* b  empty\n"
    body = os2.json("envs", "--json")
    check(body)
    assert body["active"] == "b"
    kinds = [record["kind"] for record in os2.records()]
    assert kinds.count("command.finished") == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create-env"], "without a name"),
        (["create-env", "Ä"], "lower-case letters"),
        (["create-env", "a", "--python", "2.7"], "--python"),
        (["create-env", "a", "--python", "3.99"], "install os2shell for Python 3.99"),
        (["create-env", "taken"], "os2 use-env taken"),
        (["use-env", "nobody"], "create-env nobody"),
        (["use-env"], "NAME | --none"),
        (["envs", "--lock", "taken"], "no lock of an environment 'taken'"),
        (["envs", "--all"], "envs [--json]"),
    ],
)
def test_bad_words_are_told_what_is_expected(os2: Os2, words: list[str], told: str) -> None:
    os2.run("create-env", "taken")
    assert told in os2.run(*words, code=2).errors


names = st.sampled_from(["a", "b", "default", ""])
digests = st.none() | st.binary(min_size=32, max_size=32)
facts = st.one_of(
    st.tuples(
        st.just("python_vm_env_created"),
        st.fixed_dictionaries({"name": names, "tree": digests, "lock": digests}),
    ),
    st.tuples(st.just("python_vm_env_selected"), st.fixed_dictionaries({"name": names})),
    st.tuples(
        st.just("pip_install_completed"),
        st.fixed_dictionaries(
            {
                "environment": names,
                "tree": st.binary(min_size=32, max_size=32),
                "lock": st.binary(min_size=32, max_size=32),
            }
        ),
    ),
    st.tuples(st.just("command.finished"), st.fixed_dictionaries({"code": st.integers()})),
)


@given(st.lists(facts))
def test_the_fold_survives_its_image(history: list[tuple[str, dict[str, object]]]) -> None:
    state = Environments()
    for seq, (kind, body) in enumerate(history):
        state = ENVIRONMENTS.evolve(state, Fact(seq, "s0", LOCAL, kind, body))  # type: ignore[arg-type]
    again = ENVIRONMENTS.load(decode(encode(ENVIRONMENTS.dump(state))))
    assert again == state
    known = state.named.get(state.active, Environment())
    assert state.packages == known.tree


def test_an_image_of_a_shell_that_knew_no_environments_is_believed() -> None:
    assert ENVIRONMENTS.added
    with pytest.raises(ValueError, match="no known form"):
        ENVIRONMENTS.load([])
    made = Environments().having("a", Environment(Digest(b"\1" * 32), Digest(b"\2" * 32)))
    assert ENVIRONMENTS.load(ENVIRONMENTS.dump(made)) == made
