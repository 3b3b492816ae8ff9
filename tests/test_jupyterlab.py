"""The viewer in JupyterLab, driven by clicks. Needs an installed Chromium."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from notebook_rules import KERNEL
from test_browser import CHROMIUM, OPTIONS

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)"),
]

VIEWER = """\
import torch
from posekit.workbook.notebooks import widgets
from posekit.geometry.skeletons import HUMAN36M_17

truth = torch.linspace(0, 1, 3 * 17 * 3).reshape(3, 17, 3)
clips = {"S9/Walking": (truth + 0.02, truth), "S11/Eating": (truth + 0.05, truth)}
widgets.view_clips(clips, HUMAN36M_17, alt="Two clips.")"""
TOKEN = "a-token-for-this-test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Address of the notebook, opened alone, on a JupyterLab of its own."""
    notebook = new_notebook(cells=[new_code_cell(VIEWER, id="demo-viewer")])
    notebook.metadata["kernelspec"] = KERNEL
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work" / "viewer.ipynb")
    quiet = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
            *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
            f"--ServerApp.root_dir={tmp_path / 'work'}",
            f"--LabApp.user_settings_dir={tmp_path / 'settings'}",
            f"--LabApp.workspaces_dir={tmp_path / 'workspaces'}",
            "--LabApp.expose_app_in_browser=True",
        ],
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(base)
        yield f"{base}/doc/tree/viewer.ipynb?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(tmp_path, ignore_errors=True)


def wait_for(base: str) -> None:
    """Until the server answers, a minute at most."""
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{base}/api?token={TOKEN}", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    pytest.fail("JupyterLab did not start within a minute")


def test_viewer_follows_the_choice_of_a_clip(address: str) -> None:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(90_000)
        page.goto(address)
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
            "?.status === 'idle'"
        )
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".widget-dropdown select").first.wait_for()
        title = page.locator(".gtitle").last
        sync_api.expect(title).to_have_text("S9/Walking", timeout=60_000)
        page.locator(".widget-dropdown select").first.select_option("S11/Eating")
        sync_api.expect(title).to_have_text("S11/Eating", timeout=60_000)
        page.get_by_role("button", name="error per joint").click()
        sync_api.expect(title).to_have_text("Error per joint", timeout=60_000)
        browser.close()
