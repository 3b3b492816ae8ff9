"""What every test may count on, however the suite was started."""

import os
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Background jobs of a shell ignore Ctrl-C and hand that down; tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def own_compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kernels of ``torch.compile`` are made anew.

    torch keeps them for all processes of a user, and does not tell those for AVX2 from those for
    AVX-512: loaded under another ``ATEN_CPU_CAPABILITY`` they give wrong numbers or crash.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path_factory.mktemp("compiled"))
