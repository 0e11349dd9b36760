// GearclockCoreTests
