import { render } from 'preact';
import { App } from './app.tsx';
import { begin } from './session.ts';
import './style.css';

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no #app');
void begin();
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) void begin(); // a login link opened in this tab
});
render(<App />, root);
