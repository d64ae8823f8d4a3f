"""All stages of a bridge.toml, and whether it declares anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stacks.errors import SettingsError
from stacks.settings.folders import code_of, function_folders, worker_folders
from stacks.settings.reading import DEFAULT_FILE, load
from stacks.settings.sections import Sections
from stacks.settings.stage import Stage
from stacks.settings.stage_choice import stage_name_mistake


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Stages of a file, and whether there is more than stages.

    Attributes:
        file: the declaration.
        stages: by name, in the file's order.
        is_empty: whether there are only stages: no webhook, target, worker or function.
    """

    file: Path
    stages: Mapping[str, Stage]
    is_empty: bool


def read_declared(file: Path = Path(DEFAULT_FILE)) -> Declared:
    """Read the stages of a declaration.

    Raises:
        SettingsError: it can't be read, or a stage is wrong.
    """
    sections = Sections(load(file))
    stages = sections.named("stages", Stage)
    sections.mistakes += [mistake for name in stages if (mistake := stage_name_mistake(name))]
    if sections.mistakes:
        raise SettingsError("\n  ".join([f"{file} can't be used:", *sections.mistakes]))
    code = code_of(file)
    folders = [*worker_folders(code), *function_folders(code)]
    return Declared(file=file, stages=stages, is_empty=not folders and set(sections.data) <= {"stages"})
