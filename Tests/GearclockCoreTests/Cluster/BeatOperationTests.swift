import GearclockCore
import Testing

@Suite struct BeatOperationTests {
    private static let alice = OwnerID(value: 1)
    private static let members = [
        Member(id: alice, role: .dispatcher, beats: 4), Member(id: OwnerID(value: 2), role: .controller, beats: 9),
    ]

    @Test func `a beat that may have been made is known by the number that its row has then`() {
        var beat = BeatOperation(Self.alice)
        #expect(beat.pending == nil && beat.openCount == 1)
        beat.lost(Self.members)
        #expect(beat.pending == 4)
        // Of another one nothing is known.
        beat.lost(nil)
        #expect(beat.pending == 4 && beat.openCount == 1 && beat.idsToLookUp.isEmpty)
        beat.committed(Self.members)
        #expect(beat.openCount == 0 && beat.answer == Self.members)
    }
}
