# posekit: `make report`, `make test`, `make lab`. Needs python3 (3.11 or 3.12) and network once.
#
#   make report PYTHON=python3.12              another interpreter
#   make report TORCH="torch --index-url URL"  another build of torch; a torch that PYTHON already
#                                              has (CUDA machines, containers) is used as it is
#   make report ARGS="--dataset cmu"           options for `posekit report`
#   make test   ARGS="-k metrics"              options for pytest

PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
ARGS   ?=

python := $(VENV)/bin/python
stamp  := $(VENV)/.posekit-ready

.PHONY: help report test lab constraints clean
.DEFAULT_GOAL := help

help:
	@echo "make report  set up .venv (once, about 2 minutes), run the paper notebooks at profile"
	@echo "             quick on embedded data (about 3 minutes per paper), write reports/html/index.html"
	@echo "make test    every test: lint, unit, goldens, notebooks, reports (about 15 minutes)"
	@echo "make lab     open the notebooks in JupyterLab"
	@echo "make clean   remove .venv and generated reports; cached runs stay"

report: $(stamp)
	@echo "posekit: running the notebooks at profile quick, about 3 minutes per paper the first time ..."
	@$(python) -m posekit report --profile quick $(ARGS)

test: $(stamp)
	@echo "posekit: running every test, about 15 minutes on 2 cores ..."
	@OMP_NUM_THREADS=1 $(python) -m pytest -n 2 --dist loadfile --durations 10 \
	    --nbval-lax --nbval-current-env --nbval-cell-timeout 600 \
	    --nbval-kernel-startup-timeout 120 $(ARGS) tests notebooks

lab: $(stamp)
	@echo "posekit: opening JupyterLab in your browser; Ctrl-C here ends it ..."
	@$(python) -m jupyter lab --notebook-dir notebooks $(ARGS)

constraints: $(stamp)
	@$(python) .ci/constraints.py

clean:
	rm -rf $(VENV) reports/html reports/executed

$(stamp): pyproject.toml .constraints.txt
	@set -e; began=$$(date +%s); \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "posekit: $(PYTHON) is older than 3.11; run: make $(MAKECMDGOALS) PYTHON=python3.12"; \
	  exit 2; }; \
	if [ ! -x $(python) ]; then \
	  echo "posekit: creating $(VENV) (a few seconds) ..."; \
	  $(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    echo "posekit: $(PYTHON) has no venv module; on Debian or Ubuntu:" \
	      "apt-get install python3-venv"; exit 2; }; \
	  shared=; $(PYTHON) -c 'import sys, torch; sys.exit(sys.prefix != sys.base_prefix)' \
	    2>/dev/null && shared=--system-site-packages; \
	  $(PYTHON) -m venv $$shared $(VENV); \
	fi; \
	if ! $(python) -c 'import torch' 2>/dev/null; then \
	  echo "posekit: installing $(TORCH) (half a minute to a minute) ..."; \
	  $(python) -m pip install -qq --disable-pip-version-check -c .constraints.txt $(TORCH); \
	fi; \
	echo "posekit: installing posekit with its notebooks and tests (about a minute) ..."; \
	$(python) -m pip install -qq --disable-pip-version-check -c .constraints.txt \
	  -e '.[notebooks,test]'; \
	touch $(stamp); \
	echo "posekit: ready after $$(( $$(date +%s) - began )) s; the next time skips this."
