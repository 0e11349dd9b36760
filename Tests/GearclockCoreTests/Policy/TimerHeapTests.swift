import GearclockCore
import Testing

/// Moments in their order, each with its value.
@Suite struct TimerHeapTests {
    @Test func `whatever is done to it, it gives the values of the earliest moments as a sorted list does`() {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var heap = TimerHeap<Int, String>()
            var sorted: [(moment: Int, value: String)] = []
            for step in 0..<300 {
                switch Int.random(in: 0..<8, using: &random) {
                case 0...3:
                    // Each moment once, so that there is one right order.
                    let moment = Int.random(in: 0..<1000, using: &random) * 1000 + step
                    heap.insert(moment, "\(moment)")
                    sorted.append((moment, "\(moment)"))
                    sorted.sort { $0.moment < $1.moment }
                case 4...6:
                    let removed = heap.removeFirst()
                    #expect(removed?.value == sorted.first?.value && removed?.moment == sorted.first?.moment)
                    if !sorted.isEmpty { sorted.removeFirst() }
                default:
                    heap.keep { moment, value in moment % 7 != 0 && value == "\(moment)" }
                    sorted.removeAll { $0.moment % 7 == 0 }
                }
                #expect(heap.count == sorted.count && heap.first?.value == sorted.first?.value)
                #expect(heap.firstMoment == sorted.first?.moment)
                #expect(heap.values.sorted() == sorted.map(\.value).sorted())
            }
            #expect(heap.removeAll().sorted() == sorted.map(\.value).sorted())
            #expect(heap.isEmpty && heap.removeFirst() == nil)
        }
    }
}
