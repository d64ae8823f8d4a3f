"""What every part of the local system is: started and stopped, by hand or as a context manager."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Part(ABC):
    """A part that runs between `start()` and `stop()`."""

    @abstractmethod
    def start(self) -> Self:
        """Start it; when that fails, nothing of it is left running."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it and remove what it made; harmless twice."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
