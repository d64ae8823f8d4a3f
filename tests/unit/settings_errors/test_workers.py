"""What a wrong worker is answered with: its settings, its folder, and the code in there."""

from pathlib import Path

import pytest

from tests.unit.settings_errors.mistakes import mistakes, worker_folder


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            "[workers.handle_order]\nmemory = 64",
            'worker "handle_order": memory = 64 is wrong; allowed: 128 to',
        ),
        ("[workers.handle_order]\ntimeout = 901", "allowed: 1 to 900 (seconds)"),
        ("[workers.handle_order]\nmax_concurrency = 1", "allowed: 2 to 1000"),
        (
            "[workers.handle_order]\nprovisioned_concurrency = 6",
            "provisioned_concurrency = 6 is more than max_concurrency = 5",
        ),
        ("[workers.handle_order]\nbatch_size = 11", "allowed: 1 to 10 (events)"),
        ("[workers.handle_order]\nmax_attempts = 0", "allowed: 1 to 1000"),
        ("[workers.proces_order]", 'did you mean "handle_order"?'),
        ("[workers]\nhandle_order = 5", "5 is no table; write [workers.handle_order]"),
    ],
)
def should_explain_a_wrong_worker(tmp_path: Path, setting: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, f"{setting}\n[stages.prod]")
    assert expected in line


def should_refuse_snap_start_for_node(tmp_path: Path) -> None:
    worker_folder(tmp_path, "render", **{"index.mjs": ""})
    (line,) = mistakes(tmp_path, "[workers.render]\nsnap_start = true\n[stages.prod]")
    assert "Lambda has no SnapStart for Node.js" in line


def should_refuse_the_code_of_another_kind_beside_a_worker(tmp_path: Path) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": "{}", "index.mjs": ""})
    worker_folder(tmp_path, "work", **{"handler.py": "", "index.mjs": ""})
    assert mistakes(tmp_path, "[stages.prod]") == [
        (
            'folder "wait" of workers: index.mjs would never run beside state_machine.asl.json; '
            "keep one of the two"
        ),
        ('folder "work" of workers: index.mjs would never run beside handler.py; keep one of the two'),
    ]


def should_miss_the_handler_that_a_state_machine_calls(tmp_path: Path) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": '{"Resource": "${TaskFunction}"}'})
    assert mistakes(tmp_path, "[stages.prod]") == [
        (
            'folder "wait" of workers: state_machine.asl.json calls ${TaskFunction}, which is the '
            "folder's handler.py, and there is none; add it"
        )
    ]


@pytest.mark.parametrize(
    "setting",
    [
        "memory = 512",
        'secrets = ["stripe"]',
        "snap_start = true",
        "timeout = 5",
        "provisioned_concurrency = 1",
    ],
)
def should_refuse_settings_of_a_handler_that_is_not_there(tmp_path: Path, setting: str) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": "{}"})
    (line,) = mistakes(tmp_path, f"[workers.wait]\n{setting}\nbatch_size = 5\n[stages.prod]")
    assert line == (
        f'worker "wait": {setting} is wrong: it is for the handler.py that a state machine\'s tasks call, '
        "and there is none; leave it out, or add one"
    )


@pytest.mark.parametrize(
    "name", ["redeliver", "Process", "a__b", "a_1", "email", "dateutil", "six", "x" * 33]
)
def should_refuse_a_worker_folder_with_a_name_that_cant_be_used(tmp_path: Path, name: str) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", workers=(name,))
    assert line.startswith(f'folder "{name}" of workers')
