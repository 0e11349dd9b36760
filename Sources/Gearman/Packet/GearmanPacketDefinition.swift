/// What a type of packet consists of: a line of the protocol's table.
package struct GearmanPacketDefinition: Sendable {
    /// Who may send a packet.
    package struct Senders: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        package static let client = Senders(rawValue: 1)
        package static let worker = Senders(rawValue: 2)
        package static let server = Senders(rawValue: 4)
    }

    package let type: GearmanPacketType
    /// The protocol's name. No `String`: a definition that counts no references is looked up for each packet.
    private let staticName: StaticString
    /// How many arguments there are. Each ends with a NUL, but the last one of a packet without data ends with the
    /// packet.
    package let argumentCount: Int
    /// Whether data of any length and content follows the arguments.
    package let hasData: Bool
    package let senders: Senders

    @inline(__always)
    private init(
        _ type: GearmanPacketType, _ name: StaticString, _ argumentCount: Int, data: Bool, from senders: Senders
    ) {
        self.type = type
        self.staticName = name
        self.argumentCount = argumentCount
        self.hasData = data
        self.senders = senders
    }

    /// The protocol's name.
    package var name: String { self.staticName.description }

    /// The most arguments that any packet has.
    package static let maximumArgumentCount = 7

    /// The table. It says what gearmand does where that is not what the protocol's text says: the SUBMIT_REDUCE_JOB
    /// packets have a fourth argument (the aggregator). A `switch`, because an array of the module would be asked at
    /// each look whether it is made yet.
    @inline(__always)
    init(_ type: GearmanPacketType) {
        switch type {
        case .canDo: self.init(type, "CAN_DO", 1, data: false, from: .worker)
        case .cantDo: self.init(type, "CANT_DO", 1, data: false, from: .worker)
        case .resetAbilities: self.init(type, "RESET_ABILITIES", 0, data: false, from: .worker)
        case .preSleep: self.init(type, "PRE_SLEEP", 0, data: false, from: .worker)
        case .unused: self.init(type, "UNUSED", 0, data: false, from: [])
        case .noop: self.init(type, "NOOP", 0, data: false, from: .server)
        case .submitJob: self.init(type, "SUBMIT_JOB", 2, data: true, from: .client)
        case .jobCreated: self.init(type, "JOB_CREATED", 1, data: false, from: .server)
        case .grabJob: self.init(type, "GRAB_JOB", 0, data: false, from: .worker)
        case .noJob: self.init(type, "NO_JOB", 0, data: false, from: .server)
        case .jobAssign: self.init(type, "JOB_ASSIGN", 2, data: true, from: .server)
        case .workStatus: self.init(type, "WORK_STATUS", 3, data: false, from: [.worker, .server])
        case .workComplete: self.init(type, "WORK_COMPLETE", 1, data: true, from: [.worker, .server])
        case .workFail: self.init(type, "WORK_FAIL", 1, data: false, from: [.worker, .server])
        case .getStatus: self.init(type, "GET_STATUS", 1, data: false, from: .client)
        case .echoRequest: self.init(type, "ECHO_REQ", 0, data: true, from: [.client, .worker])
        case .echoResponse: self.init(type, "ECHO_RES", 0, data: true, from: .server)
        case .submitJobBackground: self.init(type, "SUBMIT_JOB_BG", 2, data: true, from: .client)
        case .error: self.init(type, "ERROR", 2, data: false, from: .server)
        case .statusResponse: self.init(type, "STATUS_RES", 5, data: false, from: .server)
        case .submitJobHigh: self.init(type, "SUBMIT_JOB_HIGH", 2, data: true, from: .client)
        case .setClientID: self.init(type, "SET_CLIENT_ID", 1, data: false, from: .worker)
        case .canDoTimeout: self.init(type, "CAN_DO_TIMEOUT", 2, data: false, from: .worker)
        case .allYours: self.init(type, "ALL_YOURS", 0, data: false, from: .worker)
        case .workException: self.init(type, "WORK_EXCEPTION", 1, data: true, from: [.worker, .server])
        case .optionRequest: self.init(type, "OPTION_REQ", 1, data: false, from: [.client, .worker])
        case .optionResponse: self.init(type, "OPTION_RES", 1, data: false, from: .server)
        case .workData: self.init(type, "WORK_DATA", 1, data: true, from: [.worker, .server])
        case .workWarning: self.init(type, "WORK_WARNING", 1, data: true, from: [.worker, .server])
        case .grabJobUnique: self.init(type, "GRAB_JOB_UNIQ", 0, data: false, from: .worker)
        case .jobAssignUnique: self.init(type, "JOB_ASSIGN_UNIQ", 3, data: true, from: .server)
        case .submitJobHighBackground: self.init(type, "SUBMIT_JOB_HIGH_BG", 2, data: true, from: .client)
        case .submitJobLow: self.init(type, "SUBMIT_JOB_LOW", 2, data: true, from: .client)
        case .submitJobLowBackground: self.init(type, "SUBMIT_JOB_LOW_BG", 2, data: true, from: .client)
        case .submitJobSchedule: self.init(type, "SUBMIT_JOB_SCHED", 7, data: true, from: .client)
        case .submitJobEpoch: self.init(type, "SUBMIT_JOB_EPOCH", 3, data: true, from: .client)
        case .submitReduceJob: self.init(type, "SUBMIT_REDUCE_JOB", 4, data: true, from: .client)
        case .submitReduceJobBackground: self.init(type, "SUBMIT_REDUCE_JOB_BACKGROUND", 4, data: true, from: .client)
        case .grabJobAll: self.init(type, "GRAB_JOB_ALL", 0, data: false, from: .worker)
        case .jobAssignAll: self.init(type, "JOB_ASSIGN_ALL", 4, data: true, from: .server)
        case .getStatusUnique: self.init(type, "GET_STATUS_UNIQUE", 1, data: false, from: .client)
        case .statusResponseUnique: self.init(type, "STATUS_RES_UNIQUE", 6, data: false, from: .server)
        }
    }
}
