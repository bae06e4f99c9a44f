"""The packets of a chapter, entered at the key frames of groups of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import chain

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from clapboard.video.groups import Group


class Reader:
    """The packets of a chapter, group by group.

    Attributes:
        entry: time of the key frame at which reading was last taken up, shown or not; an earlier
            one of a hidden key frame since.
        taken: times of the shown packets handed out since then.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._packets: Iterator[Packet[VideoStream]] = container.demux(stream)
        self._overshoots = False
        self.entry = 0
        self.taken = set[int]()

    def enter(self, group: Group, seek: bool) -> None:
        """Go to the key frame of a group. If it is not found, no packets follow."""
        self.entry, self.taken = group.key, set()
        if group.number == 0:
            self._begin(group)
            return
        if not seek:
            self._skip_to(group.key)
            return
        # Transport streams seek by decoding time, which lies before that of presentation.
        for target in (group.key, group.earlier)[self._overshoots :]:
            self._container.seek(target, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            if self._skip_to(group.key):
                return
            self._overshoots = True

    def _begin(self, first: Group) -> None:
        """Take up reading at the first key frame of the file, which an edit list may hide.

        A file without key frames is read from its first packet on.
        """
        before: list[Packet[VideoStream]] = []
        for packet in self._packets:
            if packet.is_keyframe and packet.pts is not None:
                self.entry, before = packet.pts, [packet]
                break
            before.append(packet)
            if packet.pts == first.key:
                break
        self._packets = chain(before, self._packets)

    def _skip_to(self, key: int) -> bool:
        for packet in self._packets:
            if packet.is_discard or not packet.is_keyframe or packet.pts is None:
                continue
            if packet.pts >= key:
                self._packets = chain([packet], self._packets) if packet.pts == key else iter(())
                return packet.pts == key
        return False

    def packets_until(self, times: Set[int]) -> Iterator[Packet[VideoStream]]:
        """Packets in decoding order until all those of `times` have been taken.

        Between two edits lie hidden packets, whose times may be those of others that are shown.
        """
        pending = times - self.taken
        while pending and (packet := next(self._packets, None)) and packet.size:
            if packet.is_discard:
                if packet.is_keyframe and packet.pts is not None:
                    self.entry = min(self.entry, packet.pts)
            elif packet.pts is not None:
                self.taken.add(packet.pts)
                pending -= {packet.pts}
            yield packet
