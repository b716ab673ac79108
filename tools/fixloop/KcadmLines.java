import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.security.Permission;
import java.util.Base64;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Runs kcadm's own main class once for each line of standard input, in one JVM: thousands of starts would take an hour.
 *
 * A line holds the words of one command after "kcadm.sh", each in Base64, separated by blanks ("-" stands for the empty word). The answer is
 * one line: exit code, standard output, standard error, the latter two in Base64. What kcadm.sh itself sets (class path, kc.lib.dir) comes
 * from the program that starts this one. A command is over when it ends the JVM, which is not let happen here, or when all of its threads are.
 */
public final class KcadmLines {
    private static final String MAIN = "org.keycloak.client.admin.cli.KcAdmMain";
    private static final long SECONDS = 120;
    private static final long LOOK_MILLIS = 2;

    /** kcadm ends its process; here it only ends its command. An Error, for kcadm catches exceptions. */
    private static final class Exit extends Error {
        Exit() {
            super("exit", null, false, false);
        }
    }

    /** Lets everything pass but the end of the JVM, whose code it keeps. */
    @SuppressWarnings("removal")
    private static final class Trap extends SecurityManager {
        volatile CompletableFuture<Integer> code = new CompletableFuture<>();
        volatile boolean open;

        @Override
        public void checkExit(int status) {
            if (!open) {
                code.complete(status);
                throw new Exit();
            }
        }

        @Override
        public void checkPermission(Permission permission) {
        }

        @Override
        public void checkPermission(Permission permission, Object context) {
        }
    }

    @SuppressWarnings("removal")
    public static void main(String[] arguments) throws Exception {
        Trap trap = new Trap();
        System.setSecurityManager(trap);
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
            if (!(thrown instanceof Exit)) {
                thrown.printStackTrace();
            }
        });
        PrintStream answers = System.out;
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        Method main = Class.forName(MAIN).getMethod("main", String[].class);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(run(main, trap, words(line)));
            answers.flush();
        }
        trap.open = true;
        System.exit(0);
    }

    private static String[] words(String line) {
        String[] coded = line.isEmpty() ? new String[0] : line.split(" ");
        String[] words = new String[coded.length];
        for (int at = 0; at < coded.length; at++) {
            words[at] = coded[at].equals("-") ? "" : new String(Base64.getDecoder().decode(coded[at]), StandardCharsets.UTF_8);
        }
        return words;
    }

    private static String run(Method main, Trap trap, String[] words) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        trap.code = new CompletableFuture<>();
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(new byte[0]));
        ThreadGroup group = new ThreadGroup("kcadm");
        new Thread(group, () -> call(main, words, trap)).start();
        int code = ended(group, trap);
        return code + " " + coded(out) + " " + coded(err);
    }

    private static int ended(ThreadGroup group, Trap trap) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!trap.code.isDone() && works(group)) {
            if (System.nanoTime() > until) {
                return 124;
            }
            Thread.sleep(LOOK_MILLIS);
        }
        return trap.code.getNow(0);
    }

    private static boolean works(ThreadGroup group) {
        Thread[] threads = new Thread[group.activeCount() + 16];
        int count = group.enumerate(threads);
        for (int at = 0; at < count; at++) {
            if (!threads[at].isDaemon()) {
                return true;
            }
        }
        return false;
    }

    private static void call(Method main, String[] words, Trap trap) {
        try {
            main.invoke(null, (Object) words);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Exit)) {
                thrown.getCause().printStackTrace();
                trap.code.complete(1);
            }
        } catch (IllegalAccessException hidden) {
            throw new IllegalStateException(hidden);
        }
    }

    private static String coded(ByteArrayOutputStream stream) {
        return stream.size() == 0 ? "-" : Base64.getEncoder().encodeToString(stream.toByteArray());
    }
}
