import Gearman
import Testing

@Suite struct GearmanErrorTests {
    @Test func `the description is safe to log, the debug description tells everything`() {
        let cause = GearmanError(.timedOut, "too late")
        let error = GearmanError(
            .jobException, "The worker reported an exception", underlying: cause, payload: Array("secret".utf8),
            warnings: [Array("careful".utf8)])
        #expect(error.description == "jobException: The worker reported an exception")
        for part in ["secret", "careful", "too late", "GearmanErrorTests.swift"] {
            #expect(error.debugDescription.contains(part))
        }
    }

    @Test func `errors are equal when they say the same, wherever they come from`() {
        #expect(GearmanError(.closed, "a", file: "x", line: 1) == GearmanError(.closed, "a", file: "y", line: 2))
        #expect(GearmanError(.closed, "a") != GearmanError(.closed, "b"))
        #expect(GearmanError(.closed, "a") != GearmanError(.timedOut, "a"))
        #expect(GearmanError(.jobException, "a", payload: [1]) != GearmanError(.jobException, "a", payload: [2]))
    }
}
