import GearclockMariaDB
import Testing

/// The table that decides whether a task is lost or stored twice.
@Suite struct ConnectionFailureTests {
    private func failure(_ code: Int, _ step: MariaDBFailure.Step) -> MariaDBFailure {
        MariaDBFailure(code: code, message: "", step: step)
    }

    @Test(arguments: [1213, 1205, 1047, 1180, 2006, 2013, 1317, 1969, 3024, 1053, 1062, 1105, 9999])
    func `nothing is stored by a transaction that failed before its commit`(_ code: Int) {
        #expect(!self.failure(code, .statement).outcomeIsUnknown)
        #expect(!self.failure(code, .connect).outcomeIsUnknown)
    }

    @Test(arguments: [1180, 2006, 2013, 2055, 1317, 1969, 3024, 1053, 1927, 1205, 1021, 1114, 1105, 2014, 9999])
    func `a commit that failed may have been made`(_ code: Int) {
        #expect(self.failure(code, .commit).outcomeIsUnknown)
    }

    @Test(arguments: [1213, 1047, 1290])
    func `a commit that was refused was not made`(_ code: Int) {
        #expect(!self.failure(code, .commit).outcomeIsUnknown)
    }

    @Test(arguments: [1180, 2006, 2013, 1317, 1969, 3024, 1053, 1927, 1021, 1114, 1030, 1105, 9999])
    func `a statement that commits by itself may have been made although it failed`(_ code: Int) {
        #expect(self.failure(code, .autocommit).outcomeIsUnknown)
    }

    @Test(arguments: [1213, 1205, 1020, 1062, 4025, 1146, 1047, 1045, 1290, 1153, 2020])
    func `a statement that commits by itself and was refused was not made`(_ code: Int) {
        #expect(!self.failure(code, .autocommit).outcomeIsUnknown)
    }

    @Test(arguments: [
        (1213, MariaDBFailure.Meaning.conflict), (1205, .conflict), (1020, .conflict), (1062, .duplicateKey),
        (1153, .tooLarge), (2020, .tooLarge), (4025, .ruleViolation), (3819, .ruleViolation), (1146, .schema),
        (1054, .schema), (1045, .denied), (1044, .denied), (1049, .denied), (2026, .denied), (1047, .nodeUnavailable),
        (1040, .nodeUnavailable), (1203, .nodeUnavailable), (2002, .nodeUnavailable), (2003, .nodeUnavailable),
        (2005, .nodeUnavailable), (1290, .nodeUnavailable), (1836, .nodeUnavailable), (1114, .nodeUnavailable),
        (1021, .nodeUnavailable), (1053, .nodeUnavailable), (2006, .connectionLost), (2013, .connectionLost),
        (1927, .connectionLost), (1180, .interrupted), (1317, .interrupted), (1969, .interrupted), (3024, .interrupted),
        (1064, .other),
    ])
    func `an error has a meaning`(_ code: Int, _ meaning: MariaDBFailure.Meaning) {
        #expect(self.failure(code, .statement).meaning == meaning)
    }

    @Test func `a connection is of no use after its loss and after a commit without an answer`() {
        #expect(self.failure(2013, .statement).breaksConnection)
        #expect(self.failure(1180, .commit).breaksConnection)
        #expect(!self.failure(1213, .commit).breaksConnection)
        #expect(!self.failure(1062, .statement).breaksConnection)
    }

    @Test func `a value is not in an error's text`() {
        let failure = MariaDBFailure(
            code: 1062, sqlState: "23000", message: "Duplicate entry 'secret' for key 'PRIMARY'", step: .statement)
        #expect(failure.description == "MariaDB error 1062 (23000): Duplicate entry ")
    }
}
