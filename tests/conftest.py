"""What every test may count on, however the suite was started."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Background jobs of a shell ignore Ctrl-C and hand that down; tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
