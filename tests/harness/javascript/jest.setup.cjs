const { globalSetup } = require('@taskdock/test/jest');

module.exports = globalSetup({ functions: ['functions'] });
