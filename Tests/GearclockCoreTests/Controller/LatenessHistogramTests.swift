import GearclockCore
import Testing

@Suite struct LatenessHistogramTests {
    @Test func `a percentile is never too low and at most a quarter too high`() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            var histogram = LatenessHistogram()
            let values = (0..<100).map { _ in
                Int64.random(in: 0...(1 << Int64.random(in: 0...40, using: &random)), using: &random)
            }
            .sorted()
            for value in values { histogram.record(.microseconds(value)) }
            for share in [0.01, 0.5, 0.9, 0.99, 1] {
                let exact = values[max(0, Int((100 * share).rounded(.up)) - 1)]
                let shown = histogram.percentile(share).microseconds
                #expect(shown >= exact && shown <= exact + exact / 4, "\(share) of \(values)")
            }
        }
    }

    @Test func `the ends of the scale are counted`() {
        var histogram = LatenessHistogram()
        #expect(histogram.percentile(0.5) == .zero)
        histogram.record(.microseconds(-5))
        histogram.record(.microseconds(Int64.max))
        #expect(histogram.count == 2 && histogram.longest == .microseconds(Int64.max))
        #expect(histogram.percentile(1) == .microseconds(Int64.max))
        #expect(histogram.percentile(0) == .zero)
    }
}
