/// The dates that gearsloth's `at` takes: those of JavaScript's `Date`.
///
/// What is accepted here means the same moment there, on a machine whose zone is UTC; the reverse does not hold,
/// because V8 also finds dates in texts like `x 5`. Fractions finer than a millisecond are kept.
package enum JavaScriptDate {
    /// `new Date(text)`: the ISO forms, and those of RFC 2822, `toUTCString`, `toString`, `8/21/2026`,
    /// `Aug 21, 2026 10:00 PM`.
    package static func parse(_ text: [UInt8]) -> Timestamp? {
        guard text.count < 256 else { return nil }
        var end = text[...]
        while let byte = end.first, Self.whiteSpace.contains(byte) { end.removeFirst() }
        while let byte = end.last, Self.whiteSpace.contains(byte) { end.removeLast() }
        guard let time = Self.parseISO(end) ?? Self.parseLegacy(end), time.microseconds.magnitude <= Self.range * 1000
        else { return nil }
        return time
    }

    /// `new Date(number)`: milliseconds, -8.64e15 ... 8.64e15. Microseconds are kept.
    package static func fromMilliseconds(_ number: Double) -> Timestamp? {
        guard number.magnitude <= Double(Self.range) else { return nil }
        // Microseconds of the year 9999 have more digits than a Double: only the fraction is multiplied as one.
        let whole = number.rounded(.down)
        return Timestamp(microseconds: Int64(whole) * 1000 + Int64(((number - whole) * 1000).rounded()))
    }

    /// The milliseconds around 1970 that a `Date` can have.
    private static let range: UInt64 = 8_640_000_000_000_000

    private static let whiteSpace: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]

    // MARK: - ISO

    /// `2026`, `2026-08`, `2026-08-21`, and the last with a time; years also as `+002026`.
    private static func parseISO(_ text: ArraySlice<UInt8>) -> Timestamp? {
        var reader = DateReader(text)
        let isNegative = reader.current == UInt8(ascii: "-")
        let isExpanded = reader.take("+") || reader.take("-")
        guard let year = reader.digits(isExpanded ? 6 : 4), !(isNegative && year == 0) else { return nil }
        var time = CalendarTime(year: isNegative ? -year : year, month: 1, day: 1)
        if reader.take("-") {
            guard let month = reader.digits(2), (1...12).contains(month) else { return nil }
            time.month = month
            if reader.take("-") {
                guard let day = reader.digits(2), (1...31).contains(day) else { return nil }
                time.day = day
            }
        }
        if reader.isAtEnd { return time.timestamp }
        guard reader.take("T") || reader.take("t") || reader.take(" "), reader.timeOfDay(&time) else { return nil }
        let zoneStart = reader.position
        guard reader.zone(&time), reader.isAtEnd, time.isTimeOfDay else { return nil }
        switch reader.position - zoneStart {
        case 3: return nil  // +02
        case 5 where (0..<100).contains(year): return nil  // with +0200 it is no ISO date there, and the year another
        default: break
        }
        return time.timestamp
    }

    // MARK: - Other forms

    private static func parseLegacy(_ text: ArraySlice<UInt8>) -> Timestamp? {
        var parser = LegacyDateParser(text)
        return parser.parse()
    }
}

/// Words and numbers in any sensible order: a weekday, day, month and year, a time, AM or PM, a zone, comments in
/// brackets.
private struct LegacyDateParser {
    private var reader: DateReader
    /// The numbers of the date, in their order.
    private var numbers: [Int64] = []
    private var namedMonth: Int64?
    private var time = CalendarTime(year: 0, month: 1, day: 1)
    private var hasTime = false
    private var hasZone = false
    /// Hours to add: 0 for AM, 12 for PM.
    private var halfOfDay: Int64?

    init(_ text: ArraySlice<UInt8>) {
        self.reader = DateReader(text)
    }

    mutating func parse() -> Timestamp? {
        while let byte = self.reader.current {
            let isUnderstood: Bool
            switch byte {
            case 0x20, UInt8(ascii: ","):
                self.reader.skip()
                isUnderstood = true
            case UInt8(ascii: "("): isUnderstood = self.comment()
            case UInt8(ascii: "+"), UInt8(ascii: "-"): isUnderstood = self.offset()
            case UInt8(ascii: "0")...UInt8(ascii: "9"): isUnderstood = self.number()
            default: isUnderstood = self.word()
            }
            guard isUnderstood else { return nil }
        }
        return self.setDate() && self.setHour() && self.time.isTimeOfDay ? self.time.timestamp : nil
    }

    private mutating func comment() -> Bool {
        var depth = 0
        repeat {
            if self.reader.current == UInt8(ascii: "(") { depth += 1 }
            if self.reader.current == UInt8(ascii: ")") { depth -= 1 }
            self.reader.skip()
        } while depth > 0 && !self.reader.isAtEnd
        return depth == 0
    }

    /// A part of the date, or a time.
    private mutating func number() -> Bool {
        guard let number = self.reader.number() else { return false }
        if self.reader.take(":") { return self.timeOfDay(hour: number) }
        guard self.numbers.count < 3, number.digits <= 4 else { return false }
        self.numbers.append(number.value)
        if !self.reader.take("/") { _ = self.hasTime ? false : self.reader.take("-") }
        return true
    }

    private mutating func timeOfDay(hour: (value: Int64, digits: Int)) -> Bool {
        guard !self.hasTime, hour.digits <= 2, let minute = self.reader.number(), minute.digits <= 2 else {
            return false
        }
        self.hasTime = true
        (self.time.hour, self.time.minute) = (hour.value, minute.value)
        if self.reader.take(":") {
            guard let second = self.reader.number(), second.digits <= 2 else { return false }
            self.time.second = second.value
            if self.reader.take("."), !self.reader.fraction(&self.time) { return false }
        }
        return true
    }

    /// `+0300`, `+03:00`, `-8`, after a time or the name of a zone.
    private mutating func offset() -> Bool {
        let isBehind = self.reader.current == UInt8(ascii: "-")
        self.reader.skip()
        guard self.hasTime, let number = self.reader.number() else { return false }
        var minutes: Int64
        switch number.digits {
        case 1, 2:
            minutes = number.value * 60
            if self.reader.take(":") {
                guard let rest = self.reader.digits(2), rest < 60 else { return false }
                minutes += rest
            }
        case 4: minutes = number.value / 100 * 60 + number.value % 100
        default: return false
        }
        guard minutes < 24 * 60, number.digits < 4 || number.value % 100 < 60, self.time.offset == 0 else {
            return false
        }
        self.hasZone = true
        self.time.offset = isBehind ? -minutes : minutes
        return true
    }

    private mutating func word() -> Bool {
        let word = self.reader.word()
        let start = String(decoding: word.prefix(3), as: UTF8.self)
        if let month = Self.months.firstIndex(of: start) {
            guard self.namedMonth == nil else { return false }
            self.namedMonth = Int64(month + 1)
            _ = self.reader.take("-")
            return true
        }
        if Self.weekdays.contains(start) { return self.numbers.isEmpty && !self.hasTime }
        if word.count == 2, start == "am" || start == "pm" {
            guard self.hasTime, self.halfOfDay == nil else { return false }
            self.halfOfDay = start == "am" ? 0 : 12
            return true
        }
        guard word.count <= 3, let hours = Self.zones[start], !self.hasZone, !self.numbers.isEmpty || self.hasTime
        else { return false }
        self.hasZone = true
        self.time.offset = hours * 60
        return true
    }

    private mutating func setDate() -> Bool {
        switch (self.namedMonth, self.numbers.count) {
        case (let month?, 2):
            let yearFirst = !(1...31).contains(self.numbers[0])
            self.time.month = month
            (self.time.year, self.time.day) =
                yearFirst ? (self.numbers[0], self.numbers[1]) : (self.numbers[1], self.numbers[0])
        case (nil, 3):
            let yearFirst = !(1...31).contains(self.numbers[0])
            (self.time.year, self.time.month, self.time.day) =
                yearFirst
                ? (self.numbers[0], self.numbers[1], self.numbers[2])
                : (self.numbers[2], self.numbers[0], self.numbers[1])
        default: return false
        }
        if self.time.year < 100 { self.time.year += self.time.year < 50 ? 2000 : 1900 }
        return (1...12).contains(self.time.month) && (1...31).contains(self.time.day)
    }

    private mutating func setHour() -> Bool {
        guard let halfOfDay else { return true }
        guard (0...12).contains(self.time.hour) else { return false }
        self.time.hour = self.time.hour % 12 + halfOfDay
        return true
    }

    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    private static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    private static let zones: [String: Int64] = [
        "utc": 0, "gmt": 0, "ut": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
        "pst": -8,
        "pdt": -7,
    ]
}
