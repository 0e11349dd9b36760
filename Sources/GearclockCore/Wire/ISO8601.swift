/// Dates of the proleptic Gregorian calendar, in UTC.
struct CalendarTime {
    var year: Int64
    var month: Int64
    var day: Int64
    var hour: Int64 = 0
    var minute: Int64 = 0
    var second: Int64 = 0
    var microsecond: Int64 = 0
    /// What the text is ahead of UTC, in minutes.
    var offset: Int64 = 0

    /// A day that the month does not have runs on into the next month, as JavaScript has it; nothing is checked.
    var timestamp: Timestamp {
        // Years begin in March, so that the leap day is the last of its year (the algorithm of Howard Hinnant).
        let year = self.month <= 2 ? self.year - 1 : self.year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (self.month + (self.month > 2 ? -3 : 9)) + 2) / 5 + self.day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let seconds = ((days * 24 + self.hour) * 60 + self.minute - self.offset) * 60 + self.second
        return Timestamp(microseconds: .epochMicroseconds(seconds: seconds).addingSaturated(self.microsecond))
    }

    init(year: Int64, month: Int64, day: Int64) {
        (self.year, self.month, self.day) = (year, month, day)
    }

    init(_ timestamp: Timestamp) {
        let (seconds, microsecond) = timestamp.microseconds.flooredDivision(by: 1_000_000)
        let (days, second) = seconds.flooredDivision(by: 86_400)
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        self.day = dayOfYear - (153 * month + 2) / 5 + 1
        self.month = month < 10 ? month + 3 : month - 9
        self.year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
        (self.hour, self.minute, self.second) = (second / 3600, second / 60 % 60, second % 60)
        self.microsecond = microsecond
    }

    var isCalendarDate: Bool {
        (1...12).contains(self.month) && self.day >= 1 && self.day <= Self.days(in: self.month, of: self.year)
    }

    /// Within a day; 24:00:00 is the end of it.
    var isTimeOfDay: Bool {
        (self.hour < 24 || self.hour == 24 && self.minute == 0 && self.second == 0 && self.microsecond == 0)
            && self.minute < 60 && self.second < 60
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Timestamp {
    /// `2026-08-21T10:00:00.123456Z`, always with six digits. Years before 0 and after 9999 have a sign and six digits.
    package var iso8601: String {
        self.iso8601(fractionDigits: 6)
    }

    /// As JavaScript's `toISOString` writes it, with milliseconds.
    package var javaScriptISOString: String {
        self.iso8601(fractionDigits: 3)
    }

    private func iso8601(fractionDigits: Int) -> String {
        let time = CalendarTime(self)
        var text: [UInt8] = []
        text.reserveCapacity(32)
        func append(_ value: Int64, _ digits: Int) {
            var divisor: Int64 = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        if (0...9999).contains(time.year) {
            append(time.year, 4)
        } else {
            text.append(UInt8(ascii: time.year < 0 ? "-" : "+"))
            append(abs(time.year), 6)
        }
        for (separator, value) in [
            ("-", time.month), ("-", time.day), ("T", time.hour), (":", time.minute), (":", time.second),
        ] as [(Unicode.Scalar, Int64)] {
            text.append(UInt8(ascii: separator))
            append(value, 2)
        }
        text.append(UInt8(ascii: "."))
        append(fractionDigits == 3 ? time.microsecond / 1000 : time.microsecond, fractionDigits)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a date, or a date and a time, of ISO 8601: `2026-08-21`, `2026-08-21T10:00`, `2026-08-21 10:00:00.5+02`.
    ///
    /// Without a zone it is UTC, whatever the zone of the machine. Digits beyond microseconds are cut. A date that the
    /// calendar does not have is refused.
    package init?(iso8601 text: some Sequence<UInt8>) {
        var reader = DateReader(text)
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
            let day = reader.digits(2)
        else { return nil }
        var time = CalendarTime(year: year, month: month, day: day)
        if !reader.isAtEnd {
            guard reader.take("T") || reader.take("t") || reader.take(" "), reader.timeOfDay(&time), reader.zone(&time)
            else { return nil }
        }
        guard reader.isAtEnd, time.isCalendarDate, time.isTimeOfDay else { return nil }
        self = time.timestamp
    }
}

/// Takes a date's text apart.
struct DateReader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ text: some Sequence<UInt8>) {
        // No date is longer, and what is cut is no date.
        self.bytes = [UInt8](text.prefix(256))
    }

    var isAtEnd: Bool { self.position == self.bytes.count }

    var current: UInt8? { self.isAtEnd ? nil : self.bytes[self.position] }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.current == UInt8(ascii: character) else { return false }
        self.position += 1
        return true
    }

    mutating func skip() {
        if !self.isAtEnd { self.position += 1 }
    }

    /// Exactly so many digits.
    mutating func digits(_ count: Int) -> Int64? {
        var value: Int64 = 0
        let end = self.position + count
        guard end <= self.bytes.count else { return nil }
        for byte in self.bytes[self.position..<end] {
            guard byte.isDigit else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        self.position = end
        return value
    }

    /// All the digits that follow, up to nine.
    mutating func number() -> (value: Int64, digits: Int)? {
        let digits = self.bytes[self.position...].prefix { $0.isDigit }.count
        guard (1...9).contains(digits), let value = self.digits(digits) else { return nil }
        return (value, digits)
    }

    /// The lower-case letters that follow.
    mutating func word() -> [UInt8] {
        let letters = self.bytes[self.position...].prefix { (0x61...0x7a).contains($0 | 0x20) }
        self.position += letters.count
        return letters.map { $0 | 0x20 }
    }

    /// `10:00`, `10:00:00`, `10:00:00.123456789`
    mutating func timeOfDay(_ time: inout CalendarTime) -> Bool {
        guard let hour = self.digits(2), self.take(":"), let minute = self.digits(2) else { return false }
        (time.hour, time.minute) = (hour, minute)
        guard self.take(":") else { return true }
        guard let second = self.digits(2) else { return false }
        time.second = second
        guard self.take(".") else { return true }
        return self.fraction(&time)
    }

    /// The digits after the point.
    mutating func fraction(_ time: inout CalendarTime) -> Bool {
        var scale: Int64 = 100_000
        let start = self.position
        while let byte = self.current, byte.isDigit {
            time.microsecond += Int64(byte - UInt8(ascii: "0")) * scale
            scale /= 10
            self.position += 1
        }
        return self.position > start
    }

    /// `Z`, `+02:00`, `+0200`, `+02`, or nothing, which is UTC.
    mutating func zone(_ time: inout CalendarTime) -> Bool {
        if self.isAtEnd || self.take("Z") || self.take("z") { return true }
        let isBehind = self.current == UInt8(ascii: "-")
        guard self.take("+") || self.take("-"), let hours = self.digits(2), hours < 24 else { return false }
        var minutes: Int64 = 0
        if self.take(":") || !self.isAtEnd {
            guard let value = self.digits(2), value < 60 else { return false }
            minutes = value
        }
        time.offset = (hours * 60 + minutes) * (isBehind ? -1 : 1)
        return true
    }
}

extension Int64 {
    /// Rounded towards negative infinity, so that the remainder is never negative.
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    fileprivate static func epochMicroseconds(seconds: Int64) -> Int64 {
        let (microseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : microseconds
    }
}
