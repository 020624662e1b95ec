"""What the functions for files do, wherever the buckets are."""

from __future__ import annotations

import os
import threading
import unittest
from typing import Any
from unittest import mock

import numpy as np
from mlsys.errors import InvalidInput, NotFound
from mlsys.gcs import gcs_get, gcs_get_pickle, gcs_list_blobs, gcs_put, gcs_put_pickle

from tests.places import Place, Storage


class Files:
    """The tests; the classes below say where they run. ``make_bucket`` makes one and returns its name."""

    def setUp(self: Any) -> None:
        super().setUp()  # type: ignore[misc]
        self.bucket = self.make_bucket()

    def test_a_file_comes_back_as_it_was_put(self: Any) -> None:
        for name, data in [("a", b""), ("folder/b", bytes(range(256)) * 1000), ("ä 🙂/%20?#&+", b"x"), ("..a/b..", b"dots")]:
            with self.subTest(name):
                gcs_put(self.bucket, name, data)
                self.assertEqual(gcs_get(self.bucket, name), data)
                self.assertEqual(gcs_get(f"gs://{self.bucket}/{name}"), data)

    def test_text_is_written_as_utf8(self: Any) -> None:
        gcs_put(self.bucket, "text", "ä\r\n")
        self.assertEqual(gcs_get(self.bucket, "text"), "ä\r\n".encode())

    def test_a_file_is_replaced(self: Any) -> None:
        gcs_put(self.bucket, "a", b"a long first text")
        gcs_put(self.bucket, "a", bytearray(b"second"))
        self.assertEqual(gcs_get(self.bucket, "a"), b"second")

    def test_pickles(self: Any) -> None:
        value = {"weights": np.arange(1000.0), "name": "m"}
        gcs_put_pickle(self.bucket, "m.pkl", value)
        for result in (gcs_get_pickle(self.bucket, "m.pkl"), gcs_get_pickle(f"gs://{self.bucket}/m.pkl")):
            self.assertEqual(result["name"], "m")
            np.testing.assert_array_equal(result["weights"], value["weights"])

    def test_names_are_listed_in_order(self: Any) -> None:
        self.assertEqual(gcs_list_blobs(self.bucket), [])
        for name in ("b/2", "b/1", "a", "b.txt", "bä", "b/c/d"):
            gcs_put(self.bucket, name, b"x")
        self.assertEqual(gcs_list_blobs(self.bucket), ["a", "b.txt", "b/1", "b/2", "b/c/d", "bä"])
        self.assertEqual(gcs_list_blobs(self.bucket, "b/"), ["b/1", "b/2", "b/c/d"])
        self.assertEqual(gcs_list_blobs(self.bucket, "b/c"), ["b/c/d"])
        self.assertEqual(gcs_list_blobs(self.bucket, "../"), [])

    def test_what_is_not_there(self: Any) -> None:
        gcs_put(self.bucket, "folder/a", b"x")
        for name in ("b", "folder", "folder/a/b"):
            with self.subTest(name), self.assertRaises(NotFound):
                gcs_get(self.bucket, name)
        with self.assertRaises(NotFound):
            gcs_list_blobs("no-such-bucket")
        with self.assertRaises(NotFound):
            gcs_get("no-such-bucket", "a")

    def test_names_that_cannot_be_used(self: Any) -> None:
        for bucket in ("", "..", "../x", "/etc", "a/b", "UPPER", ".hidden", "ab..cd", "a\\b", "gs:", None, 3):
            for call, arguments in ((gcs_get, ("a",)), (gcs_put, ("a", b"x")), (gcs_list_blobs, ())):
                with self.subTest(bucket), self.assertRaisesRegex(InvalidInput, "bucket"):
                    call(bucket, *arguments)
        for name in ("", "a\nb", "a\x00", "x" * 1025, "\ud800", None):
            with self.subTest(name), self.assertRaisesRegex(InvalidInput, "name"):
                gcs_put(self.bucket, name, b"x")
        for arguments in (("gs://",), (f"gs://{self.bucket}",), (f"gs://{self.bucket}/a", "a"), (self.bucket,)):
            with self.subTest(arguments), self.assertRaises(InvalidInput):
                gcs_get(*arguments)

    def test_only_bytes_and_text_are_put(self: Any) -> None:
        with self.assertRaisesRegex(InvalidInput, "gcs_put_pickle"):
            gcs_put(self.bucket, "a", {"a": 1})


class LocalFiles(Files, Place):
    def make_bucket(self) -> str:
        (self.home / "buckets" / "some-bucket").mkdir(parents=True)
        return "some-bucket"

    def test_a_bucket_is_made_with_its_first_file(self) -> None:
        gcs_put("new-bucket", "a/b", b"x")
        self.assertEqual((self.home / "buckets" / "new-bucket" / "a" / "b").read_bytes(), b"x")

    def test_names_do_not_leave_the_bucket(self) -> None:
        (self.home / "secret").write_bytes(b"secret")
        before = sorted(self.home.rglob("*"))
        for name in (
            "../../secret",
            "a/../../x",
            "..",
            ".",
            "./a",
            "a/..",
            f"{self.home}/secret",
            "/etc/passwd",
            "a//b",
            "a/",
            "a\\..\\b",
        ):
            for call in (lambda name: gcs_get(self.bucket, name), lambda name: gcs_put(self.bucket, name, b"x")):
                with self.subTest(name), self.assertRaises(InvalidInput):
                    call(name)
        self.assertEqual(sorted(self.home.rglob("*")), before)

    def test_what_is_not_whole_yet_has_no_name(self) -> None:
        for name in (".unfinished/x", "folder/.unfinished"):
            with self.assertRaises(InvalidInput):
                gcs_put(self.bucket, name, b"x")

    def test_links_are_not_followed(self) -> None:
        outside = self.home / "outside"
        outside.mkdir()
        (outside / "secret").write_bytes(b"secret")
        bucket = self.home / "buckets" / self.bucket
        (bucket / "file").symlink_to(outside / "secret")
        (bucket / "folder").symlink_to(outside)
        (bucket / "loop").symlink_to(bucket / "loop")
        (bucket.parent / "linked-bucket").symlink_to(outside)
        addresses = [
            (self.bucket, "file"),
            (self.bucket, "folder/secret"),
            (self.bucket, "loop"),
            ("linked-bucket", "secret"),
        ]
        for address in addresses:
            with self.subTest(address), self.assertRaises(InvalidInput):
                gcs_get(*address)
            with self.subTest(address), self.assertRaises(InvalidInput):
                gcs_put(*address, b"overwritten")
        self.assertEqual(gcs_list_blobs(self.bucket), [])
        with self.assertRaises(InvalidInput):
            gcs_list_blobs("linked-bucket")
        self.assertEqual((outside / "secret").read_bytes(), b"secret")

    def test_the_folder_of_buckets_itself_may_be_a_link(self) -> None:
        (self.home / "disk").mkdir()
        (self.home / "link").symlink_to(self.home / "disk")
        with mock.patch.dict(os.environ, {"MLSYS_BUCKETS": str(self.home / "link")}):
            gcs_put("new-bucket", "a", b"x")
            self.assertEqual(gcs_get("new-bucket", "a"), b"x")

    def test_a_name_that_is_a_folder(self) -> None:
        gcs_put(self.bucket, "a/b", b"x")
        for name in ("a", "a/b/c"):
            with self.subTest(name), self.assertRaisesRegex(InvalidInput, "both a file and the beginning"):
                gcs_put(self.bucket, name, b"x")
        with self.assertRaisesRegex(InvalidInput, "too long"):
            gcs_put(self.bucket, "x" * 300, b"x")

    def test_nobody_reads_half_a_file(self) -> None:
        versions = [bytes([letter]) * 1_000_000 for letter in b"ab"]
        gcs_put(self.bucket, "big", versions[0])
        done = threading.Event()

        def write() -> None:
            for number in range(20):
                gcs_put(self.bucket, "big", versions[number % 2])
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            self.assertIn(gcs_get(self.bucket, "big"), versions)
            self.assertEqual(gcs_list_blobs(self.bucket), ["big"])
        writer.join()
        self.assertEqual(list((self.home / "buckets" / self.bucket / ".unfinished").iterdir()), [])


class StorageFiles(Files, Storage):
    def test_a_bucket_is_not_made(self) -> None:
        with self.assertRaises(NotFound):
            gcs_put("no-such-bucket", "a", b"x")


if __name__ == "__main__":
    unittest.main()
