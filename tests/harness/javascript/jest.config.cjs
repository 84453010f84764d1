module.exports = {
  testMatch: ['<rootDir>/tests/*.jest.js'],
  globalSetup: './jest.setup.cjs',
  globalTeardown: '@taskdock/test/jest-teardown',
};
