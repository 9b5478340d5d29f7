"""The wheel, installed somewhere else than the sources, with both examples run from there; the import without a library."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from cluster import Cluster

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "client_lib" / "python"


def run(command, **environment):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, env={**os.environ, **environment})


class Wheel(unittest.TestCase):
    def test_the_examples_run_on_the_installed_wheel(self):
        with tempfile.TemporaryDirectory(prefix="tagma-test-") as name:
            folder = pathlib.Path(name)
            shutil.copytree(SOURCES, folder / "sources")  # the build writes beside its sources
            made = run([sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w",
                        folder / "dist", folder / "sources"])
            self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
            (wheel,) = (folder / "dist").glob("tagma-*.whl")
            installed = run([sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target",
                             folder / "site", wheel])
            self.assertEqual(installed.returncode, 0, installed.stdout + installed.stderr)
            self.assertTrue((folder / "site" / "tagma" / "py.typed").exists())

            cluster = Cluster()
            self.addCleanup(cluster.close)
            examples = folder / "sources" / "examples"
            put = run([sys.executable, examples / "put_and_get.py", cluster.directory], PYTHONPATH=str(folder / "site"))
            self.assertEqual(put.returncode, 0, put.stderr)
            self.assertIn("city is Nicaea", put.stdout)
            many = run([sys.executable, examples / "many_at_once.py", cluster.directory],
                       PYTHONPATH=str(folder / "site"))
            self.assertEqual(many.returncode, 0, many.stderr)
            self.assertIn("the last one reads 999", many.stdout)

    def test_without_the_library_the_import_says_what_to_install(self):
        finished = run([sys.executable, "-c", "import tagma"], TAGMA_CLIENT_LIBRARY="libnowhere.so")
        self.assertNotEqual(finished.returncode, 0)
        self.assertIn("install the Debian package tagma", finished.stderr)

    def test_version_of_package_and_library_agree(self):
        finished = run([sys.executable, "-c", "import tagma; print(tagma.__version__)"])
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertIn(f'version = "{finished.stdout.strip()}"', (SOURCES / "pyproject.toml").read_text())


if __name__ == "__main__":
    unittest.main()
