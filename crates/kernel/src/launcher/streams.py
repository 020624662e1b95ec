"""What a notebook does to its streams must not keep the kernel from answering."""

import contextlib
import json
import os
import sys
import threading
import types

STREAMS = ("stdout", "stderr")
DELIMITER = b"<IDS|MSG>"
PIECE = 1 << 20
BROKEN = 70  # sysexits.h: an internal software error
# How many seconds in a row nothing may be published of what is waiting, and how long it is waited for that all is.
STALLS, PATIENCE_S = 4, 10
new_lock = threading.Lock


class ShieldedStream:
    """A notebook's stream, whatever it is by now, whose flush always returns."""

    def __init__(self, stream):
        self.stream = stream

    def flush(self):
        """Before and after each cell, so that a kernel that can't tell any more how it went ends here."""
        for step in (must_publish, lambda: self.stream.flush()):
            try:
                step()
            except BaseException:
                pass  # None, closed, or an object of the notebook's own

    def set_parent(self, parent):
        """Tells which cell runs now; our own streams too, to which the notebook's may hand on what it gets."""
        for stream in (*kernel_streams.values(), self.stream):
            with contextlib.suppress(Exception):
                stream.set_parent(parent)

    def __getattr__(self, name):
        return getattr(self.stream, name)


class OwnStream(ShieldedStream):
    """The kernel's stream for what we print ourselves: that it can't be shown any more is no reason to fail."""

    def write(self, text):
        with contextlib.suppress(Exception):
            self.stream.write(text)
        return len(text)


class ShieldedSys:
    """The module `sys` as ipykernel sees it: it flushes both streams around every cell, and gives no answer where that fails."""

    def __getattr__(self, name):
        return ShieldedStream(getattr(sys, name, None)) if name in STREAMS else getattr(sys, name)


def must_publish():
    """Ends a kernel whose publishing thread has stopped in the middle, as without `sys.modules`: nobody would hear of it."""
    if os.getpid() != kernel_pid:
        return
    # A notebook may replace the other things that one waits with.
    waiting = new_lock()
    waiting.acquire()

    def tell():
        try:
            waiting.release()
        except RuntimeError:
            pass  # told already

    before, stalls = None, 0
    for _ in range(PATIENCE_S):
        publisher.schedule(tell)
        if waiting.acquire(timeout=1):
            return
        ahead = queued_before(tell)
        stalls = stalls + 1 if ahead == before else 0
        if stalls == STALLS:
            exit_now(BROKEN)
        before = ahead


def queued_before(event):
    """How much the publishing thread has to do before this; what equals nothing, where it is at it."""
    try:
        return publisher._events.index(event)
    except Exception:
        return object()


def shield(app):
    global kernel_streams, publisher, kernel_pid
    publisher, kernel_pid = app.iopub_thread, os.getpid()
    kernel_streams = {name: getattr(sys, name) for name in STREAMS}
    for stream in kernel_streams.values():
        stream.close = lambda: None  # there is no other way for what the notebook prints
        write_in_pieces(stream)
    for name in ("kernelbase", "zmqshell", "displayhook"):
        if module := sys.modules.get(f"ipykernel.{name}"):
            module.sys = ShieldedSys()
    # IPython would keep all that is printed for its history, in memory, and needs streams that can be patched for it.
    app.shell._tee = lambda channel: contextlib.nullcontext()
    publish = app.iopub_thread.send_multipart

    def send_multipart(*message, **options):
        # Where the notebook has closed the socket, replies still tell how its cells ended.
        with contextlib.suppress(Exception):
            publish(*message, **options)

    app.iopub_thread.send_multipart = send_multipart
    pack_any_text(app.session)
    tell_when_done(app, types.SimpleNamespace(send_multipart=send_multipart))


def pack_any_text(session):
    """Sends text with half a surrogate pair too, such as an error's: UTF-8 has no way to write it."""
    pack = session.pack

    def pack_any(content):
        try:
            return pack(content)
        except UnicodeEncodeError:
            return json.dumps(content, ensure_ascii=False, default=str).encode("utf-8", "replace")

    session.pack = pack_any


def write_in_pieces(stream):
    """Sends a text of any length as messages that are not too long for the other end to keep up with."""
    write = stream.write

    def write_pieces(text):
        if not isinstance(text, str) or len(text) <= PIECE:
            return write(text)
        for at in range(0, len(text), PIECE):
            write(text[at : at + PIECE])
            stream.flush()
        return len(text)

    stream.write = write_pieces


def tell_when_done(app, publisher):
    """Broadcasts `done` after every request, as nothing else tells where the notebook has replaced what replies go through.
    A kernel that can't even do that is of no use."""
    send, dispatch, loads, leave = app.session.send, app.kernel.dispatch_shell, json.loads, exit_now

    async def dispatch_shell(message, *others, **options):
        frames = [bytes(getattr(frame, "buffer", frame)) for frame in message]
        try:
            await dispatch(message, *others, **options)
        finally:
            if DELIMITER in frames:
                try:
                    send(publisher, "done", {}, parent=loads(frames[frames.index(DELIMITER) + 2]))
                except Exception:
                    leave(BROKEN)

    app.kernel.dispatch_shell = dispatch_shell


@contextlib.contextmanager
def own_streams():
    """Lets what runs inside print, whatever the notebook has made of its streams."""
    replaced = {name: vars(sys)[name] for name in STREAMS if name in vars(sys)}
    vars(sys).update({name: OwnStream(stream) for name, stream in kernel_streams.items()})
    try:
        yield
    finally:
        for name in STREAMS:
            if name in replaced:
                setattr(sys, name, replaced[name])
            else:
                delattr(sys, name)


def flush_streams():
    for name in STREAMS:
        ShieldedStream(getattr(sys, name, None)).flush()
