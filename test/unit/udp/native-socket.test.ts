import { test } from 'node:test';
import { nativeState } from '../../../src/runtime/native.ts';
import { withoutNative } from '../../support/native.ts';
import { socketCases } from '../../support/socket-cases.ts';

const { sockets } = nativeState();
if (sockets !== null) socketCases(sockets);
else test('sockets: native', { skip: withoutNative }, () => {});
