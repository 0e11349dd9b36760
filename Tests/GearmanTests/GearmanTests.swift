// GearmanTests
