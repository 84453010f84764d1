import { globalSetup } from '@taskdock/test/vitest';

export default globalSetup({ functions: 'functions' });
