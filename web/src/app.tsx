// What is on the screen: the way in, or the dashboard.
import { begin, session } from './session.ts';
import { Login } from './shell/login.tsx';
import { Shell } from './shell/shell.tsx';
import { useStore } from './store.ts';
import { Mark } from './ui/icon.tsx';
import { Failure } from './ui/panel.tsx';

export function App() {
  const now = useStore(session);
  switch (now.phase) {
    case 'known':
      return <Shell identity={now.identity} />;
    case 'anonymous':
      return <Login error={now.error} notice={now.notice} />;
    case 'unreachable':
      return (
        <main class="mx-auto flex min-h-screen max-w-md flex-col justify-center gap-4 p-4">
          <h1 class="flex items-center gap-2 text-base font-semibold">
            <Mark />
            Upshift
          </h1>
          <Failure error={now.error} retry={() => void begin()} />
        </main>
      );
    case 'checking':
      return (
        <main aria-busy="true">
          <h1 class="sr-only">Upshift</h1>
        </main>
      );
  }
}
