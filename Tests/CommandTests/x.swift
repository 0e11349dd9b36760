@testable import gearclock
