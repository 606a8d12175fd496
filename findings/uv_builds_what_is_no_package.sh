#!/usr/bin/env bash
# uv build makes a wheel of a project that says it is not a package.
#
# uv 0.13.9, setuptools 80.9.0. Expected: with `package = false` under [tool.uv] there is nothing to build.
# Seen: `uv sync` honours it and installs the dependencies alone; `uv build` (and `pip install .`) build the
# project all the same, and setuptools' automatic discovery puts every .py beside pyproject.toml at the
# top of site-packages. Remedy: `py-modules = []` under [tool.setuptools].
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q uv==0.13.9 setuptools==80.9.0 wheel
mkdir "$folder/project"
cd "$folder/project"
echo "print('a script')" > model.py
cat > pyproject.toml <<'TOML'
[project]
name = "scripts"
version = "1"
requires-python = ">=3.10"
[build-system]
requires = ["setuptools==80.9.0"]
build-backend = "setuptools.build_meta"
[tool.uv]
package = false
TOML
export PATH="$folder/venv/bin:$PATH" UV_PYTHON="$folder/venv/bin/python"
uv build --quiet --wheel --no-build-isolation
top() { python -c "import sys, zipfile; print(*[n for n in zipfile.ZipFile(sys.argv[1]).namelist() if '/' not in n])" dist/*.whl; }
seen=$(top)
echo "at the top of the wheel: $seen"
rm -r dist build
printf '[tool.setuptools]\npy-modules = []\n' >> pyproject.toml
uv build --quiet --wheel --no-build-isolation
echo "with py-modules = []: $(top)"
test "$seen" = model.py && test -z "$(top)"
