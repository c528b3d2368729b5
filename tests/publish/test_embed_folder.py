"""What a build of the static page may delete: what an earlier one wrote, as it wrote it."""

import json

import pytest

from beercan_or_bacon.training.publish.static import BUILT, hashes_in, not_ours


@pytest.fixture
def built(tmp_path):
    """A folder as a build leaves it."""
    folder = tmp_path / "page"
    (folder / "examples").mkdir(parents=True)
    (folder / "files.js").write_text("self.FILES = {}")
    (folder / "examples" / "a.jpg").write_bytes(b"a")
    (folder / BUILT).write_text(json.dumps(hashes_in(folder)))
    return folder


def test_an_earlier_build_is_ours_and_so_is_nothing_at_all(built, tmp_path):
    assert not_ours(built) == []
    assert not_ours(tmp_path / "nowhere") == []
    (tmp_path / "empty").mkdir()
    assert not_ours(tmp_path / "empty") == []


@pytest.mark.parametrize("name", ["CNAME", "examples/mine.jpg", ".git/config"])
def test_a_file_put_there_by_hand_is_not(name, built):
    (built / name).parent.mkdir(exist_ok=True)
    (built / name).write_text("mine")
    assert not_ours(built) == [name]


def test_neither_is_one_that_was_changed_nor_a_link(built, tmp_path):
    (built / "files.js").write_text("changed by hand")
    (built / "link").symlink_to(tmp_path)
    assert not_ours(built) == ["files.js", "link"]


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_folder_with_files_js_and_no_list_of_ours_is_not(content, built):
    (built / BUILT).write_text(content)
    assert set(not_ours(built)) == {"files.js", "examples/a.jpg"}
