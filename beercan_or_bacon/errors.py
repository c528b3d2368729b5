"""What can go wrong, by name. Every message is a sentence that tells a person what to do."""


class BeerCanOrBaconError(Exception):
    """The root of the project's errors: the command line prints its message and exits 1, the pages show it."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows; it asks every error for this, and without it would show a traceback."""
        return [str(self)]


class PictureError(BeerCanOrBaconError):
    """An upload that is not a picture we can read: empty, truncated, too large, not a picture at all.

    why: the same for programs: "unreadable", "damaged", "odd", "too_many_pixels", "too_much", or "".
    """

    def __init__(self, sentence: str, why: str = ""):
        super().__init__(sentence)
        self.why = why


class BusyError(PictureError):
    """Too much is being looked at to look at this picture too; in a few seconds it may be different."""


class ModelError(BeerCanOrBaconError):
    """A model folder or repository that cannot serve: missing, incomplete, or not what its description says."""


class ServerError(BeerCanOrBaconError):
    """The page cannot be served as the environment asks: a PORT that is none, or an address that is taken."""


class SettingsError(BeerCanOrBaconError):
    """Settings of the command line that cannot work."""


class ClassesError(BeerCanOrBaconError):
    """classes.toml cannot be used as it is."""


class DataError(BeerCanOrBaconError):
    """The data folder lacks what the stage needs, or holds what it cannot use."""


class StageError(BeerCanOrBaconError):
    """A stage that a notebook ran has ended badly; it has said why itself."""


class SearchError(BeerCanOrBaconError):
    """An image search could not be asked, or refused to answer."""


class HubError(BeerCanOrBaconError):
    """The Hugging Face Hub could not be reached, or refused."""


class EmbedError(BeerCanOrBaconError):
    """The static page cannot be built."""
