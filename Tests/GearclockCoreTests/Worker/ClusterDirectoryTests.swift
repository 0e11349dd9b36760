import GearclockCore
import Testing

@Suite struct ClusterDirectoryTests {
    private static func directory(_ numbers: [UInt16]) -> ClusterDirectory {
        ClusterDirectory(numbers.map { .init(name: "\($0)", number: $0) })
    }

    private static func ids(_ count: Int) -> [TaskID] {
        var random = SeededGenerator(seed: 4)
        return (0..<count).map { _ in TaskID(high: random.next(), low: random.next()) }
    }

    @Test func `an id that was made for a cluster has its home there`() {
        let directory = Self.directory([7, 0, 4095])
        for (place, number) in [7, 0, 4095].enumerated() as EnumeratedSequence<[UInt16]> {
            var random = SeededGenerator(seed: 1)
            let id = TaskID(cluster: number, now: Timestamp(microseconds: 1 << 50), using: &random)
            #expect(id.clusterNumber == number)
            #expect(directory.home(of: id) == place && directory.isCertain(id))
        }
    }

    @Test func `ids that clients choose are shared out evenly, the same way by all daemons`() {
        let (one, other) = (Self.directory([0, 1, 2]), Self.directory([2, 0, 1]))
        var counts = [0, 0, 0]
        for id in Self.ids(3000) {
            let home = one.home(of: id)
            counts[home] += 1
            #expect(other.clusters[other.home(of: id)].number == one.clusters[home].number)
        }
        #expect(counts.allSatisfy { $0 > 850 && $0 < 1150 }, "\(counts)")
    }

    @Test func `a cluster that is added takes its share and moves nothing else`() {
        let (before, after) = (Self.directory([0, 1, 2]), Self.directory([0, 1, 2, 9]))
        var moved = 0
        for id in Self.ids(4000) {
            let (old, new) = (before.home(of: id), after.home(of: id))
            if new == 3 { moved += 1 } else { #expect(old == new) }
        }
        #expect(moved > 800 && moved < 1200)
    }

    @Test func `homes stay what they are for ever`() {
        let directory = Self.directory([0, 1, 2, 3])
        let ids = (0..<8).map { TaskID(high: 0x0192_f0c1_2345_7abc, low: 0x8def_0123_4567_89ab + $0) }
        #expect(ids.map { directory.home(of: $0) } == [0, 3, 2, 3, 3, 1, 0, 3])
    }
}
