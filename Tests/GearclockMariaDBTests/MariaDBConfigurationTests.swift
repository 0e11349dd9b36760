import CMariaDB
import GearclockMariaDB
import Testing

@Suite struct MariaDBConfigurationTests {
    @Test func `a password is not in a description`() {
        let secret = MariaDBConfiguration.Secret("swordfish")
        let configuration = MariaDBConfiguration(nodes: [.init(host: "localhost")], password: secret)
        #expect(!"\(configuration)".contains("swordfish"))
        #expect(!String(reflecting: configuration).contains("swordfish"))
    }

    @Test func `the connector is the one of MariaDB`() {
        #expect(mysql_get_client_version() >= 30_100)
    }
}
