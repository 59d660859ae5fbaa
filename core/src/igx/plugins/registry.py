"""Name → spec of one kind. Two providers of one name make the bare name ambiguous; neither hides the other."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Generic, NamedTuple, TypeVar

from igx.errors import AmbiguousNameError, InvalidSpecError, UnknownNameError, suggest
from igx.plugins.specs import Spec

S = TypeVar("S", bound=Spec)


class Offer(NamedTuple, Generic[S]):
    """One spec, who provides it, and the shortest name that means only it."""

    name: str
    provider: str
    spec: S


class Registry(Generic[S]):
    """The specs of one kind that the installed plugins offer.

    Args:
        spec_type: the kind of spec.
        absent: words on plugins that are missing here, for the error about an unknown name.
        owner: a provider whose names stay its own: what others offer under them needs `provider:name`.
    """

    def __init__(self, spec_type: type[S], *, absent: Callable[[], str] = lambda: "", owner: str | None = None) -> None:
        self.spec_type = spec_type
        self.noun = spec_type.noun
        self._absent = absent
        self._owner = owner
        self._specs: defaultdict[str, dict[str, S]] = defaultdict(dict)

    def refuse_duplicates(self, provider: str, specs: Iterable[S]) -> None:
        """Raise `InvalidSpecError` if adding `specs` would give `provider` one name twice."""
        taken = {name for name, offers in self._specs.items() if provider in offers}
        for spec in specs:
            if spec.name in taken:
                raise InvalidSpecError(f"The {self.noun} {spec.name!r} is offered twice by {provider!r}.")
            taken.add(spec.name)

    def add(self, provider: str, spec: S) -> None:
        """Add what `provider` offers; never overwrites.

        Raises:
            InvalidSpecError: `provider` offers this name already.
        """
        self.refuse_duplicates(provider, [spec])
        self._specs[spec.name][provider] = spec

    def items(self) -> list[Offer[S]]:
        """Every offer, sorted by name; a name is written `provider:name` where the bare one would not do."""
        return [
            Offer(self.display_name(provider, name), provider, offers[provider])
            for name, offers in sorted(self._specs.items())
            for provider in sorted(offers)
        ]

    def names(self) -> list[str]:
        """The names of `items()`."""
        return [offer.name for offer in self.items()]

    def display_name(self, provider: str, name: str) -> str:
        """The shortest name that means only what `provider` offers as `name`."""
        offers = self._specs[name]
        is_clear = len(offers) == 1 or provider == self._owner
        return name if is_clear else f"{provider}:{name}"

    def find(self, name: str, *, besides: Collection[str] = ()) -> Offer[S]:
        """Return what is called `name`, or `provider:name`.

        Args:
            name: what is looked for.
            besides: names that nobody offers but whoever asks knows, for the error about an unknown one.

        Raises:
            UnknownNameError: nothing is; the message suggests a name and says which plugins are missing.
            AmbiguousNameError: several providers offer it; the message says how to name each.
        """
        provider, _, bare = name.rpartition(":")
        offers = self._specs.get(bare, {})
        wanted = provider or (self._owner if self._owner in offers else None)
        if wanted:
            offers = {wanted: offers[wanted]} if wanted in offers else {}
        if not offers:
            raise self._unknown(name, besides)
        if len(offers) > 1:
            choices = " or ".join(f"{one}:{bare}" for one in sorted(offers))
            raise AmbiguousNameError(
                f"{len(offers)} plugins provide a {self.noun} called {bare!r}. Say which: {choices}."
            )
        [(provider, spec)] = offers.items()
        return Offer(self.display_name(provider, bare), provider, spec)

    def get(self, name: str, *, besides: Collection[str] = ()) -> S:
        """Return the spec that is called `name`; raises as `find` does, and suggests the names `besides`, too."""
        return self.find(name, besides=besides).spec

    def _unknown(self, name: str, besides: Collection[str]) -> UnknownNameError:
        qualified = [f"{provider}:{bare}" for bare, offers in self._specs.items() for provider in offers]
        hint = suggest(name, qualified if ":" in name else [*self.names(), *besides])
        return UnknownNameError(f"No {self.noun} is called {name!r}.{hint}{self._absent()}")
