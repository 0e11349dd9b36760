import GearclockCore
import Testing

@Suite struct TimestampTests {
    @Test func `arithmetic is exact within the range`() {
        let time = Timestamp(microseconds: 1_000_000)
        #expect(time.advanced(by: .milliseconds(1500)) == Timestamp(microseconds: 2_500_000))
        #expect(time.advanced(by: .seconds(-2)) == Timestamp(microseconds: -1_000_000))
        #expect(time.duration(to: Timestamp(microseconds: 1_000_001)) == .microseconds(1))
        #expect(time.duration(to: .epoch) == .seconds(-1))
        #expect(Timestamp.epoch < time && Timestamp.distantPast < Timestamp.epoch && time < Timestamp.latestDue)
    }

    @Test func `arithmetic saturates at the ends`() {
        #expect(Timestamp.distantFuture.advanced(by: .microseconds(1)) == .distantFuture)
        #expect(Timestamp.distantPast.advanced(by: .microseconds(-1)) == .distantPast)
        #expect(Timestamp.epoch.advanced(by: .seconds(Int64.max)) == .distantFuture)
        #expect(Timestamp.epoch.advanced(by: .seconds(Int64.min)) == .distantPast)
        #expect(Timestamp.distantPast.duration(to: .distantFuture) == .microseconds(Int64.max))
        #expect(Timestamp.distantFuture.duration(to: .distantPast) == .microseconds(Int64.min))
        let last = MonotonicInstant(microseconds: .max)
        #expect(last.advanced(by: .seconds(1)) == last)
        #expect(MonotonicInstant(microseconds: .min).duration(to: last) == .microseconds(Int64.max))
    }

    @Test func `spans are whole microseconds, cut towards zero`() {
        #expect(Duration.nanoseconds(1999).microseconds == 1)
        #expect(Duration.nanoseconds(-1999).microseconds == -1)
        #expect(Duration.seconds(1).microseconds == 1_000_000)
        #expect(Duration.seconds(Int64.max).microseconds == .max)
        #expect(Duration.seconds(Int64.min).microseconds == .min)
    }

    @Test func `seconds become the nearest span within ten years`() {
        #expect(Duration.fromSeconds(4.35) == .microseconds(4_350_000))
        #expect(Duration.fromSeconds(-1) == .zero && Duration.fromSeconds(.nan) == .zero)
        #expect(
            Duration.fromSeconds(.infinity) == Limits.longestSpan && Duration.fromSeconds(1e300) == Limits.longestSpan)
        #expect(Duration.microseconds(1_500_000).inSeconds == 1.5)
    }
}
