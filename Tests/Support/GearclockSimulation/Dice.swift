internal import GearclockCore

/// All chance of one simulated run. The same seed throws the same dice.
struct Dice: RandomNumberGenerator, Sendable {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
    }

    /// What has dice of its own.
    enum Stream: UInt64 {
        case request, strike, call, job, forgotten, order, clocks, wires, services, question, mix
    }

    /// Dice for one thing only: what else happens in the run does not change how they fall.
    init(seed: UInt64, _ stream: Stream, _ first: Int, _ second: Int = 0, _ third: Int = 0) {
        var generator = SeededGenerator(seed: seed ^ stream.rawValue)
        for number in [first, second, third] {
            generator = SeededGenerator(seed: generator.next() ^ UInt64(bitPattern: Int64(number)))
        }
        self.generator = generator
    }

    mutating func next() -> UInt64 {
        self.generator.next()
    }

    /// 0 ..< bound.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: self.next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// low ... high.
    mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
        guard low < high else { return low }
        return low + Int64(truncatingIfNeeded: self.next().multipliedFullWidth(by: UInt64(high - low) + 1).high)
    }

    mutating func between(_ range: ClosedRange<Int64>) -> Int64 {
        self.between(range.lowerBound, range.upperBound)
    }

    /// Throws no dice for a share of zero, so that a fault that is switched off costs nothing.
    mutating func chance(_ share: Double) -> Bool {
        share > 0 && Double(self.next() >> 11) * 0x1p-53 < share
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[self.below(elements.count)]
    }

    /// The index of one of the weights, in proportion to them; `nil` if all are zero.
    mutating func weighted(_ weights: [Double]) -> Int? {
        let sum = weights.reduce(0, +)
        guard sum > 0 else { return nil }
        var rest = Double(self.next() >> 11) * 0x1p-53 * sum
        for (index, weight) in weights.enumerated() where weight > 0 {
            rest -= weight
            if rest < 0 { return index }
        }
        return weights.lastIndex { $0 > 0 }
    }
}
