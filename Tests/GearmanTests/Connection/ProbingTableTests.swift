import Gearman
import Testing

struct ProbingTableTests {
    @Test func `it holds what a dictionary holds, whatever is put in, changed and taken out`() {
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var table = ProbingTable<UInt64, Int>()
            var model: [UInt64: Int] = [:]
            // Few numbers, so that they meet; and some that differ in their high bits only.
            let numbers = (0..<40).map { UInt64($0) << (seed % 3 == 0 ? 56 : seed % 3 == 1 ? 0 : 20) }
            for step in 0..<400 {
                let number = numbers.randomElement(using: &random)!
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    #expect(table.insert(step, for: number) == model.updateValue(step, forKey: number))
                case 2:
                    #expect(table.removeValue(of: number) == model.removeValue(forKey: number))
                case 3:
                    table.remove(number)
                    model[number] = nil
                default:
                    let changed: Void? = table.update(number) { $0 += 1 }
                    #expect((changed != nil) == (model[number] != nil))
                    model[number]? += 1
                }
                #expect(table.count == model.count)
                #expect(table[number] == model[number])
            }
            #expect(table.sorted.map(\.key) == model.keys.sorted())
            #expect(numbers.allSatisfy { table[$0] == model[$0] })
        }
    }

    @Test func `tables with the same content are equal, whatever happened before`() {
        var grown = ProbingTable<UInt64, Int>()
        for number in 0..<100 as Range<UInt64> { grown.insert(1, for: number) }
        for number in 2..<100 as Range<UInt64> { grown.removeValue(of: number) }
        var small = ProbingTable<UInt64, Int>()
        small.insert(1, for: 1)
        small.insert(1, for: 0)
        #expect(grown == small)
        small.insert(2, for: 0)
        #expect(grown != small)
    }
}
